// xaccel engine: what njs does. It refuses a response that cannot be the file, and passes only known response headers.
// Without njs, locations/hide.conf hides known names. Imported in http { }; locations/njs.conf and page-njs.conf call
// it. Plain objects, since njs 0.8 has neither Map nor Set.
//
// NGINX's filters see the headers of a response in this order, on which the engine relies:
// 1. not-modified: compares the client's conditions with the origin's validators (if_modified_since exact);
// 2. njs: this file removes what the origin must not send;
// 3. add_header: adds what the app decided, so the list below does not apply to it (locations/fetch.conf, send.conf);
// 4. range: cuts a cached file, and compares If-Range with the validators that add_header has set.

function names(list) {
    const found = {};
    list.forEach((name) => {
        found[name] = true;
    });
    return found;
}

const PASS = names([
    'accept-ranges', 'content-encoding', 'content-language', 'content-length', 'content-range', 'etag', 'last-modified',
    'set-cookie',  // the app's: proxy_hide_header has removed the origin's
]);

const PASS_ON_ERROR = names(['content-length', 'content-range', 'set-cookie']);

function keep(r, allowed) {
    Object.keys(r.headersOut).forEach((name) => {
        if (allowed[name.toLowerCase()] !== true) {
            delete r.headersOut[name];
        }
    });
}

// An exception closes the connection before a byte is sent. maps/5-passes.conf decides; without that map, nothing
// passes.
function answer(r) {
    const doubt = r.variables.xaccel_bad_response;
    if (doubt !== '') {
        throw new Error(`the response cannot be the file: ${doubt}`);
    }
    keep(r, PASS);
}

// Pages have nothing of the origin, and nothing that the app gave for the file.
function error(r) {
    keep(r, PASS_ON_ERROR);
}

// A member of an archive must be exactly what the app knows: archives/maps.conf decides.
function member(r) {
    const doubt = r.variables.xaccel_member_doubt;
    if (doubt !== '') {
        r.variables.xaccel_member_refused = r.variables.upstream_status;
        throw new Error(`the response cannot be the member: ${doubt}`);
    }
}

// A response to an upload that is not HTTP has no head, and NGINX would send its bytes to the client as they are.
function stored(r) {
    if (r.variables.status === '009') {
        throw new Error('the storage does not speak HTTP');
    }
}

export default {answer, error, member, stored};
