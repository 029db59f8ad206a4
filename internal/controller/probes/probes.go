// Package probes answers /healthz and /readyz from the start of the process to its end: by the checks of the parts
// that have been set up, and by what the controller still lacks. It decides nothing about either.
package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// Starting is the name of the check that fails until all checks are there.
const Starting = "started"

// shutdownTimeout bounds how long probes that are being answered keep the process.
const shutdownTimeout = time.Second

// Probes are the checks. They are safe for concurrent use.
type Probes struct {
	conditions *impairment.Conditions

	mu      sync.Mutex
	checks  map[string]healthz.Checker // of /readyz
	started bool
}

// New makes probes that show conditions, and fail until Started.
func New(conditions *impairment.Conditions) *Probes {
	return &Probes{conditions: conditions, checks: map[string]healthz.Checker{}}
}

// Add adds a check of /readyz.
func (p *Probes) Add(name string, check healthz.Checker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checks[name] = check
}

// Started reports that all checks were added.
func (p *Probes) Started() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = true
}

// Serve listens at an address, "0" = nowhere, and returns a function that serves until a context ends.
func (p *Probes) Serve(ctx context.Context, address string) (func(context.Context) error, error) {
	if address == "0" {
		return func(context.Context) error { return nil }, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for health probes (--health-probe-bind-addr): %w", err)
	}
	return func(ctx context.Context) error {
		server := &http.Server{Handler: p.Handler(), ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 90 * time.Second}
		defer context.AfterFunc(ctx, func() {
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
			defer cancel()
			_ = server.Shutdown(ending) // the process ends
		})()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving health probes: %w", err)
		}
		return nil
	}, nil
}

// Handler serves /healthz and /readyz, each with its checks below it.
func (p *Probes) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, h := range map[string]http.Handler{
		"/healthz": &healthz.Handler{Checks: map[string]healthz.Checker{"health-ping": healthz.Ping}},
		"/readyz":  http.HandlerFunc(p.ready),
	} {
		mux.Handle(path, http.StripPrefix(path, h))
		mux.Handle(path+"/", http.StripPrefix(path, h))
	}
	return mux
}

// result is what a check shows.
type result struct {
	name   string
	failed bool
	text   string // why, or what is degraded; empty = nothing is
}

// results runs all checks but some, sorted by name.
func (p *Probes) results(r *http.Request, excluded []string) (out []result) {
	p.mu.Lock()
	checks, started := maps.Clone(p.checks), p.started
	p.mu.Unlock()
	for name, check := range checks {
		if slices.Contains(excluded, name) {
			continue
		}
		x := result{name: name}
		if err := check(r); err != nil {
			x.failed, x.text = true, err.Error()
		}
		out = append(out, x)
	}
	for _, name := range impairment.Checks() {
		if slices.Contains(excluded, name) || checks[name] != nil {
			continue
		}
		x := result{name: name}
		var texts []string
		for _, c := range p.conditions.Of(name) {
			x.failed = x.failed || c.Blocks
			texts = append(texts, c.Error())
		}
		x.text = strings.Join(texts, "; ")
		out = append(out, x)
	}
	if x := (result{name: Starting, failed: !started}); !slices.Contains(excluded, Starting) {
		if !started {
			x.text = "the controllers have not started yet"
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b result) int { return cmp.Compare(a.name, b.name) })
	return out
}

// Ready is 1 while /readyz succeeds, else 0, for a metric.
func (p *Probes) Ready() int {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/readyz", nil)
	if err != nil || slices.ContainsFunc(p.results(r, nil), func(x result) bool { return x.failed }) {
		return 0
	}
	return 1
}

// ready answers /readyz in the format of Kubernetes. Unlike there the reasons are shown, since they hold no secrets. A
// check below it fails as well for what is degraded only.
func (p *Probes) ready(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	results := p.results(r, r.URL.Query()["exclude"])
	if name != "" {
		i := slices.IndexFunc(results, func(x result) bool { return x.name == name })
		switch {
		case i < 0:
			http.NotFound(w, r)
		case results[i].text != "":
			http.Error(w, results[i].text, http.StatusInternalServerError)
		default:
			_, _ = fmt.Fprint(w, "ok") // a probe that went away needs no answer
		}
		return
	}
	failed := slices.ContainsFunc(results, func(x result) bool { return x.failed })
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if failed {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = fmt.Fprint(w, page(results, failed, r.URL.Query().Has("verbose"))) // as above
}

func page(results []result, failed, verbose bool) string {
	if !failed && !verbose {
		return "ok"
	}
	var b strings.Builder
	for _, x := range results {
		switch {
		case x.failed:
			fmt.Fprintf(&b, "[-]%s failed: %s\n", x.name, x.text)
		case x.text != "":
			fmt.Fprintf(&b, "[!]%s degraded: %s\n", x.name, x.text)
		default:
			fmt.Fprintf(&b, "[+]%s ok\n", x.name)
		}
	}
	if failed {
		b.WriteString("readyz check failed\n")
	} else {
		b.WriteString("readyz check passed\n")
	}
	return b.String()
}
