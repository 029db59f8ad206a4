package environment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// egress is a proxy by HTTP CONNECT. If a release installs the controller, the API server reaches the cluster through
// it. Connections to the Service of the webhooks go to the replicas, which are processes of this machine. Others, such
// as those to kubelets, go to the address that they name.
//
// The webhook configurations can therefore stay as the chart renders them, with a Service. If the playground replaced
// the Service by an address of this machine, each upgrade would set the Service again: webhooks would fail until the
// playground has replaced it, the leader would renew the certificate for the other host, and Helm 3 would fail, because
// its patch keeps the address and the API server refuses a webhook with both.
type egress struct {
	listener net.Listener
	dir      string // of its socket, whose path must be short
	server   *http.Server
	webhooks *service
	done     chan struct{} // closed when the server has ended; nil: it was not started
}

// listenEgress opens the socket. Connections wait until serve.
func listenEgress(webhooks *service) (*egress, error) {
	dir, err := os.MkdirTemp("", "egress-")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &egress{listener: l, dir: dir, webhooks: webhooks}, nil
}

// socket is the path of the proxy; empty: there is none.
func (e *egress) socket() string {
	if e == nil {
		return ""
	}
	return e.listener.Addr().String()
}

// serve starts the proxy. isWebhooks reports whether an address is that of the Service of the webhooks.
func (e *egress) serve(isWebhooks func(context.Context, netip.AddrPort) (bool, error), logger *log.Logger) {
	e.server = &http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: logger, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodConnect {
				http.Error(w, "this is a proxy by CONNECT", http.StatusMethodNotAllowed)
				return
			}
			backend, err := e.dial(r.Context(), r.Host, isWebhooks)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer backend.Close()
			client, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				logger.Printf("egress: %v", err)
				return
			}
			defer client.Close()
			if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"); err == nil {
				join(client, backend)
			}
		})}
	e.done = make(chan struct{})
	go func() {
		defer close(e.done)
		if err := e.server.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Printf("egress: %v", err)
		}
	}()
}

func (e *egress) dial(ctx context.Context, address string,
	isWebhooks func(context.Context, netip.AddrPort) (bool, error)) (net.Conn, error) {
	if at, err := netip.ParseAddrPort(address); err == nil { // else it is a name
		ours, err := isWebhooks(ctx, at)
		if err != nil {
			return nil, fmt.Errorf("find the Service at %s: %w", at, err)
		}
		if ours {
			return e.webhooks.dial(ctx)
		}
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// join copies what each of two connections gets to the other one, until one of them ends.
func join(a, b net.Conn) {
	both := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			_, _ = io.Copy(way[1], way[0]) // its end is the connection's
			both <- struct{}{}
		}()
	}
	<-both
}

// stop ends the proxy; connections end with the replicas.
func (e *egress) stop() {
	if e.done == nil {
		_ = e.listener.Close()
	} else {
		_ = e.server.Close()
		<-e.done
	}
	_ = os.RemoveAll(e.dir)
}

// webhooksPort is what the chart calls the port of the webhooks, of the pods and of the Service.
const webhooksPort = "webhook-server"

// webhookServices returns a function that reports whether an address is one of the Service of the release's webhooks.
// Upgrades may replace the Service.
func webhookServices(client kubernetes.Interface) func(context.Context, netip.AddrPort) (bool, error) {
	return func(ctx context.Context, at netip.AddrPort) (bool, error) {
		all, err := client.CoreV1().Services(releaseNamespace).List(ctx, metav1.ListOptions{LabelSelector: releaseSelector,
			FieldSelector: "spec.clusterIP=" + at.Addr().String()})
		if err != nil {
			return false, err
		}
		for _, s := range all.Items {
			for _, p := range s.Spec.Ports {
				if int(p.Port) == int(at.Port()) && p.TargetPort.StrVal == webhooksPort {
					return true, nil
				}
			}
		}
		return false, nil
	}
}
