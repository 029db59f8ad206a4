package facts

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// Target is the servers behind the load balancers of a run: two of HTTP, which answer what they were asked, and
// one that answers with the first bytes that it gets.
type Target struct {
	Address string // where load balancers reach it
	ports   []int  // as load balancers see them
	sockets []net.Listener
	servers []*http.Server
	streams sync.WaitGroup
	mu      sync.Mutex
	open    map[net.Conn]bool
}

// NewTarget serves a target on three ports of an address of this machine, from port on, or on free ports if port
// is 0.
func NewTarget(ctx context.Context, address, host string, port int) (*Target, error) {
	t := &Target{Address: address, open: map[net.Conn]bool{}}
	for i := range 3 {
		own := 0
		if port > 0 {
			own = port + i
		}
		socket, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(own)))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("target: %w", err), t.Close())
		}
		t.sockets = append(t.sockets, socket)
		if port == 0 {
			own = 18080 + i
		}
		t.ports = append(t.ports, own)
	}
	for i := range 2 {
		server := &http.Server{Handler: echo(t.ports[i]), ReadHeaderTimeout: time.Minute,
			Protocols: new(http.Protocols)}
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		t.servers = append(t.servers, server)
		go func() { _ = server.Serve(t.sockets[i]) }() // ends with Close
	}
	t.streams.Go(t.serveStreams)
	return t, nil
}

// Port is the i-th port as load balancers see it: 0 and 1 speak HTTP, 2 answers with the first bytes.
func (t *Target) Port(i int) int { return t.ports[i] }

// Backends are the sockets of this machine by what load balancers see.
func (t *Target) Backends() map[string]string {
	all := map[string]string{}
	for i, socket := range t.sockets {
		all[net.JoinHostPort(t.Address, strconv.Itoa(t.ports[i]))] = socket.Addr().String()
	}
	return all
}

// Close ends the target.
func (t *Target) Close() error {
	var err error
	for _, server := range t.servers {
		err = errors.Join(err, server.Close())
	}
	for _, socket := range t.sockets {
		if e := socket.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	t.mu.Lock()
	for conn := range t.open {
		_ = conn.Close()
	}
	t.mu.Unlock()
	t.streams.Wait()
	return err
}

// echo answers with what it was asked. The path chooses other behaviour: /status/N, /wait/SECONDS, /cut,
// /header/BYTES; an Upgrade gets a tunnel that answers with what it gets, and gRPC a trailer.
func echo(port int) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/status/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 200 || n > 599 {
			n = http.StatusBadRequest
		}
		w.WriteHeader(n)
	})
	mux.HandleFunc("/wait/{seconds}", func(w http.ResponseWriter, r *http.Request) {
		seconds, _ := strconv.Atoi(r.PathValue("seconds"))
		if sleep.For(r.Context(), time.Duration(min(seconds, 60))*time.Second) == nil {
			w.WriteHeader(http.StatusOK)
		}
	})
	mux.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/header/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("bytes"))
		w.Header().Set("X-Long", strings.Repeat("x", min(max(n, 0), 100_000)))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			tunnel(w, r)
		case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
			answerGRPC(w)
		default:
			answerEcho(w, r, port)
		}
	})
	return mux
}

func answerEcho(w http.ResponseWriter, r *http.Request, port int) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"Method": r.Method, "URI": r.RequestURI, "Host": r.Host, "Protocol": r.Proto, "Headers": flat(r.Header),
		"Body": string(body),
		"Port": port, "Peer": r.RemoteAddr, "Names": slices.Sorted(maps.Keys(r.Header)),
	})
}

// answerGRPC answers with an empty message and the status OK.
func answerGRPC(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	_, _ = w.Write(make([]byte, 5)) // not compressed, of no bytes
	w.Header().Set("Grpc-Status", "0")
}

// tunnel switches protocols and answers with the bytes that it gets.
func tunnel(w http.ResponseWriter, r *http.Request) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	conn, both, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(slowest))
	_, _ = io.WriteString(conn,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
	_, _ = io.Copy(conn, both)
}

// serveStreams answers each connection's first line with a line of JSON: the peer, and the bytes in hexadecimal.
func (t *Target) serveStreams() {
	for {
		conn, err := t.sockets[2].Accept()
		if err != nil {
			return
		}
		t.mu.Lock()
		t.open[conn] = true
		t.mu.Unlock()
		t.streams.Go(func() {
			defer func() {
				t.mu.Lock()
				delete(t.open, conn)
				t.mu.Unlock()
				_ = conn.Close()
			}()
			answerStream(conn)
		})
	}
}

func answerStream(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(slowest))
	reader := bufio.NewReader(conn)
	var got []byte
	for !strings.HasSuffix(string(got), "end\n") && len(got) < 4096 {
		b, err := reader.ReadByte()
		if err != nil {
			return
		}
		got = append(got, b)
	}
	_, _ = fmt.Fprintf(conn, "peer %s hex %s\n", conn.RemoteAddr(), hex.EncodeToString(got))
}
