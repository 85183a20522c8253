// What njs does for xaccel: it refuses what cannot be the file, and lets only known response headers pass. The stock
// module only knows names to hide.
// Plain objects, since njs 0.8 has neither Map nor Set.

function names(list) {
    const found = {};
    list.forEach((name) => {
        found[name] = true;
    });
    return found;
}

const PASS = names([
    'accept-ranges', 'content-encoding', 'content-language', 'content-length', 'content-range', 'etag', 'last-modified',
    'set-cookie',  // the app's own: proxy_hide_header took the origin's away
]);

const PASS_ON_ERROR = names(['content-length', 'content-range', 'set-cookie']);

function keep(r, allowed) {
    Object.keys(r.headersOut).forEach((name) => {
        if (allowed[name.toLowerCase()] !== true) {
            delete r.headersOut[name];
        }
    });
}

// What cannot be the file is refused: an exception closes the connection before a byte of it is sent. Which answers
// those are is decided by a map; without the map nothing passes. The path is "/_xaccel/<origin>", or
// "/_xaccel_<site>/<origin>", and a site's variables begin with the same word.
function answer(r) {
    const doubt = r.variables[r.uri.split('/')[1].slice(1) + '_doubt'];
    if (doubt !== '') {
        throw new Error(`the answer cannot be the file: ${doubt}`);
    }
    keep(r, PASS);
}

// Error pages are ours: nothing of the origin's, and nothing that was meant for the file.
function error(r) {
    keep(r, PASS_ON_ERROR);
}

export default {answer, error};
