// What njs does for xaccel: an allow-list of response headers. The stock module only knows names to hide.
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

const FINAL = names(['200', '204', '206', '304']);

function keep(r, allowed) {
    Object.keys(r.headersOut).forEach((name) => {
        if (allowed[name.toLowerCase()] !== true) {
            delete r.headersOut[name];
        }
    });
}

// An answer that is no HTTP/1.x, or an interim status sent as a final one, would pass as raw bytes under the
// app's own host name. An exception closes the connection before a byte of it is sent.
function answer(r) {
    if (r.httpVersion === '0.9' || FINAL[r.status] !== true) {
        throw new Error('the origin did not answer in HTTP');
    }
    // Without a length and without chunks a cut cannot be told from the end of the file.
    if (r.status === 200 && r.headersOut['Content-Length'] === undefined
            && !r.variables.upstream_http_content_length && !r.variables.upstream_http_transfer_encoding) {
        throw new Error('the origin did not say where its answer ends');
    }
    // A part that nobody asked for would be taken for the whole.
    if (r.status === 206 && r.headersIn.Range === undefined) {
        throw new Error('the origin sent a part that nobody asked for');
    }
    const part = r.headersOut['Content-Range'];
    if (part !== undefined && !/^bytes ([0-9]+-[0-9]+|\*)\/([0-9]+|\*)$/.test(part)) {
        throw new Error('the origin sent words for a range');
    }
    keep(r, PASS);
}

// Error pages are ours: nothing of the origin's, and nothing that was meant for the file.
function error(r) {
    keep(r, PASS_ON_ERROR);
}

export default {answer, error};
