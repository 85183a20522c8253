// xaccel engine: what njs does. It refuses a response that cannot be the file, and passes only known response headers.
// Without njs, locations/hide.conf hides known names. Imported in http { }; locations/njs.conf and page-njs.conf call
// it. Plain objects, since njs 0.8 has neither Map nor Set.

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
    const doubt = r.variables.xaccel_doubt;
    if (doubt !== '') {
        throw new Error(`the response cannot be the file: ${doubt}`);
    }
    keep(r, PASS);
}

// Pages have nothing of the origin, and nothing that the app gave for the file.
function error(r) {
    keep(r, PASS_ON_ERROR);
}

export default {answer, error};
