package standin

import (
	"encoding/binary"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// echoService is the echo of the Gateway API's conformance tests; examples and clients for it exist.
const echoService = "gateway_api_conformance.echo_basic.grpcecho.GrpcEcho"

// echoResponse is the EchoResponse of that service: what the call looked like on arrival, and which server answers.
func echoResponse(r *http.Request, id Identity) []byte {
	var context, assertions []byte
	context = appendField(context, 1, id.Namespace)
	context = appendField(context, 3, id.Service)
	context = appendField(context, 4, id.Pod)
	assertions = appendField(assertions, 1, r.URL.Path)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			header := appendField(nil, 1, strings.ToLower(name))
			assertions = appendField(assertions, 2, string(appendField(header, 2, value)))
		}
	}
	assertions = appendField(assertions, 3, r.Host)
	assertions = appendField(assertions, 4, string(context))
	return appendField(nil, 1, string(assertions))
}

// appendField appends a field of text, bytes or a message in the protocol buffers' encoding; an empty one is left out.
func appendField(b []byte, number uint64, value string) []byte {
	if value == "" {
		return b
	}
	const lengthDelimited = 2
	b = binary.AppendUvarint(b, number<<3|lengthDelimited)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}
