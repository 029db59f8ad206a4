package standin

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Status codes of gRPC that the stand-in answers with.
const (
	grpcOK                = 0
	grpcResourceExhausted = 8
	grpcUnimplemented     = 12
	grpcInternal          = 13
)

// maxMessage is the longest gRPC message, in bytes, as with most servers.
const maxMessage = 4 << 20

// healthCheckPath is where load balancers look by default at target groups of gRPC; what is there must not exist.
const healthCheckPath = "/AWS.ALB/healthcheck"

// serving is the HealthCheckResponse with the status SERVING.
var serving = []byte{0x08, 0x01}

func isGRPC(r *http.Request) bool {
	t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return t == "application/grpc" || strings.HasPrefix(t, "application/grpc+")
}

// serveGRPC answers any method with the messages it gets, one by one as they come, and status 0; the headers x-pod,
// x-service, x-namespace and x-node of the answer name the server. The standard health service answers SERVING for
// every service, and the Gateway API's echo service answers as its clients expect. A path that is no method, and that
// of load balancers' health checks, gets status 12. The request's header X-Grpc-Status, a code from 1 to 16, is
// answered with that status and no message.
func serveGRPC(w http.ResponseWriter, r *http.Request, id Identity) {
	w.Header().Set("Content-Type", "application/grpc")
	if !delay(r) {
		return
	}
	service, method, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch code, err := strconv.Atoi(r.Header.Get("X-Grpc-Status")); {
	case err == nil && code >= 1 && code <= 16:
		refuseGRPC(w, code, "as the request asks for")
		return
	case r.Method != http.MethodPost || service == "" || method == "" || strings.Contains(method, "/") ||
		r.URL.Path == healthCheckPath:
		refuseGRPC(w, grpcUnimplemented, "unknown method "+r.URL.Path)
		return
	}
	for name, value := range map[string]string{"X-Pod": id.Pod, "X-Service": id.Service, "X-Namespace": id.Namespace,
		"X-Node": id.Node} {
		w.Header().Set(name, value)
	}
	switch {
	case service == "grpc.health.v1.Health":
		serveHealth(w, r, method)
		return
	case service == echoService && method == "EchoThree": // defined so that it is not there
		refuseGRPC(w, grpcUnimplemented, "unknown method "+r.URL.Path)
		return
	case service == echoService:
		answerOnce(w, r, echoResponse(r, id))
		return
	}
	if encoding := r.Header.Get("Grpc-Encoding"); encoding != "" { // compressed messages go back as they came
		w.Header().Set("Grpc-Encoding", encoding)
	}
	flush := http.NewResponseController(w).Flush
	for {
		message, err := readMessage(r.Body)
		switch {
		case errors.Is(err, io.EOF):
			endGRPC(w, grpcOK, "")
			return
		case errors.Is(err, errLongMessage):
			endGRPC(w, grpcResourceExhausted, err.Error())
			return
		case err != nil:
			endGRPC(w, grpcInternal, "read a message: "+err.Error())
			return
		}
		if _, err := w.Write(message); err != nil {
			return
		}
		if flush() != nil {
			return
		}
	}
}

// serveHealth is the service grpc.health.v1.Health.
func serveHealth(w http.ResponseWriter, r *http.Request, method string) {
	if method != "Check" && method != "Watch" {
		refuseGRPC(w, grpcUnimplemented, "unknown method "+method+" for service grpc.health.v1.Health")
		return
	}
	if method == "Check" {
		answerOnce(w, r, serving)
		return
	}
	if _, err := w.Write(frame(serving)); err != nil {
		return
	}
	if http.NewResponseController(w).Flush() == nil {
		<-r.Context().Done() // nothing ever changes
	}
}

// answerOnce takes the one message of a unary call and answers it.
func answerOnce(w http.ResponseWriter, r *http.Request, message []byte) {
	if _, err := readMessage(r.Body); err != nil {
		refuseGRPC(w, grpcInternal, "read a message: "+err.Error())
		return
	}
	if _, err := w.Write(frame(message)); err != nil {
		return
	}
	endGRPC(w, grpcOK, "")
}

var errLongMessage = errors.New("message larger than " + strconv.Itoa(maxMessage) + " bytes")

// readMessage reads one length-prefixed message with its prefix. It returns io.EOF when there is none,
// io.ErrUnexpectedEOF when it is cut off.
func readMessage(r io.Reader) ([]byte, error) {
	var prefix [5]byte // compressed or not; length
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(prefix[1:])
	if n > maxMessage {
		return nil, errLongMessage
	}
	message := make([]byte, len(prefix)+int(n))
	copy(message, prefix[:])
	if _, err := io.ReadFull(r, message[len(prefix):]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return message, nil
}

// frame puts the prefix of an uncompressed message before it.
func frame(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// endGRPC ends an answer that may have begun.
func endGRPC(w http.ResponseWriter, code int, text string) {
	setStatus(w.Header(), http.TrailerPrefix, code, text)
}

// refuseGRPC answers with a status alone, without trailers.
func refuseGRPC(w http.ResponseWriter, code int, text string) {
	setStatus(w.Header(), "", code, text)
}

func setStatus(h http.Header, prefix string, code int, text string) {
	h.Set(prefix+"Grpc-Status", strconv.Itoa(code))
	if text != "" {
		h.Set(prefix+"Grpc-Message", url.PathEscape(text))
	}
}
