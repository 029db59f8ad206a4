package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// KubeletHost is the name by which API servers reach the servers of kubelets: all of them are one, on this machine.
const KubeletHost = "localhost"

// kubelet is the server that API servers forward requests about containers to.
type kubelet struct {
	server *http.Server
	port   int32
	served chan struct{}
}

// serveKubelet starts the server of all nodes.
func (f *Fleet) serveKubelet(config *tls.Config) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the logs of containers: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", f.containerLogs)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "containers are stand-ins here: their logs can be read, and nothing else is served",
			http.StatusNotImplemented)
	})
	k := &kubelet{
		server: &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}, port: int32(l.Addr().(*net.TCPAddr).Port),
		served: make(chan struct{}),
	}
	go func() {
		defer close(k.served)
		if err := k.server.Serve(tls.NewListener(l, config)); !errors.Is(err, http.ErrServerClosed) {
			f.options.Logf("server of the kubelets: %v", err)
		}
	}()
	f.kubelet = k
	return nil
}

func (k *kubelet) stop() {
	if k == nil {
		return
	}
	_ = k.server.Close()
	<-k.served
}

// describe has a node's status name the server.
func (k *kubelet) describe(n *corev1.Node) {
	if k == nil {
		return
	}
	n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalDNS, Address: KubeletHost})
	n.Status.DaemonEndpoints.KubeletEndpoint.Port = k.port
}

// containerLogs answers with the log of a container, as kubelets do.
func (f *Fleet) containerLogs(w http.ResponseWriter, r *http.Request) {
	o, err := logOptionsOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	log, err := f.log(r.Context(), r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), o)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer log.Close()
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	from, flush := io.Reader(log), http.NewResponseController(w).Flush
	if o.limit > 0 {
		from = io.LimitReader(log, o.limit)
	}
	_ = flush() // the lines that follow may take long
	_, _ = io.Copy(flushing{w, flush}, from)
}

// flushing sends what is written at once.
type flushing struct {
	io.Writer
	flush func() error
}

// Write implements io.Writer.
func (w flushing) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	return n, errors.Join(err, w.flush())
}

// logOptions are those of a request for a log.
type logOptions struct {
	follow, previous bool
	lines            int   // negative: all
	limit            int64 // in bytes; 0: none
}

func logOptionsOf(q url.Values) (o logOptions, err error) {
	for _, option := range []string{"sinceSeconds", "sinceTime", "timestamps"} {
		if v := q.Get(option); v != "" && v != "false" {
			return o, fmt.Errorf("%s is not possible: the playground stores no times of log lines; each line of the controller "+
				"contains its time", option)
		}
	}
	o = logOptions{follow: q.Get("follow") == "true", previous: q.Get("previous") == "true", lines: -1}
	if v := q.Get("tailLines"); v != "" {
		if o.lines, err = strconv.Atoi(v); err != nil {
			return o, fmt.Errorf("tailLines: %w", err)
		}
	}
	if v := q.Get("limitBytes"); v != "" {
		if o.limit, err = strconv.ParseInt(v, 10, 64); err != nil {
			return o, fmt.Errorf("limitBytes: %w", err)
		}
	}
	return o, nil
}

// log opens the log of a container. That of a stand-in is empty.
func (f *Fleet) log(ctx context.Context, namespace, name, container string, o logOptions) (io.ReadCloser, error) {
	w := f.worker(namespace, name)
	if w == nil {
		return nil, fmt.Errorf("pod %s/%s does not run on these nodes", namespace, name)
	}
	for i, c := range w.current().Spec.Containers {
		if c.Name != container {
			continue
		}
		launcher := f.options.Launcher
		if launcher == nil || !launcher.Runs(w.current(), c) {
			return http.NoBody, nil
		}
		program := w.program(i, o.previous)
		switch {
		case program == nil && o.previous:
			return nil, fmt.Errorf("previous terminated container %q in pod %q not found", container, name)
		case program == nil:
			return nil, fmt.Errorf("container %q in pod %q is waiting to start: ContainerCreating", container, name)
		}
		return program.Log(ctx, o.follow, o.lines)
	}
	return nil, fmt.Errorf("container %q in pod %q has no log: only those of its ordinary containers can be read here",
		container, name)
}

// worker is that of the pod with a name, the last one; nil: there is none.
func (f *Fleet) worker(namespace, name string) (found *worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var pod *corev1.Pod
	for _, w := range f.workers {
		p := w.current()
		if p.Namespace == namespace && p.Name == name && (pod == nil || pod.CreationTimestamp.Before(&p.CreationTimestamp)) {
			found, pod = w, p
		}
	}
	return found
}

// program is that of a container, or the one before; nil: there is none. After its end, it is the one that a log is
// read of.
func (w *worker) program(container int, previous bool) Program {
	w.mu.Lock()
	p := w.programs[container]
	w.mu.Unlock()
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if previous || p.program == nil {
		return p.previous
	}
	return p.program
}
