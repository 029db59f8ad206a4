package soak

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/k8s-lbc/lbc/playground/load"
	"github.com/k8s-lbc/lbc/playground/standin"
)

const (
	// patience bounds a request.
	patience = 30 * time.Second
	// each is the pause between two requests of a client; clients is how many there are of each kind for each backend of a
	// load balancer.
	each, clients = 300 * time.Millisecond, 2
)

// witness is a client that records its requests, and those that fail.
type witness struct {
	ledger    *ledger
	place     string
	name      string
	url       string
	service   string // which is to answer
	client    *http.Client
	transport *http.Transport
}

// newWitness makes a client that connects for each request anew, or keeps its connection.
func newWitness(l *ledger, dial load.Dial, place, url, service string, kept bool) *witness {
	t := &http.Transport{DialContext: dial, DisableKeepAlives: !kept, MaxConnsPerHost: 1, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true}}
	name := "new connections to " + service
	if kept {
		name = "a kept connection to " + service
	}
	return &witness{ledger: l, place: place, name: name, url: url, service: service, client: &http.Client{
		Transport: t, Timeout: patience}, transport: t}
}

// Call implements load.Client.
func (w *witness) Call(ctx context.Context) error {
	from := time.Now()
	err := w.ask(ctx)
	if ctx.Err() != nil {
		return err // the end of the soak
	}
	w.ledger.count(w.place)
	if err != nil {
		w.ledger.fail(failure{place: w.place, client: w.name, from: from, to: time.Now(), why: err.Error()})
	}
	return err
}

func (w *witness) ask(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url, nil)
	if err != nil {
		return err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	var answer standin.Answer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	if answer.Service != w.service || answer.Namespace != w.place {
		return fmt.Errorf("service %s of %s answered", answer.Service, answer.Namespace)
	}
	return nil
}

// Close implements load.Client.
func (w *witness) Close() { w.transport.CloseIdleConnections() }

// url is where a backend answers.
func (p place) url(address, service string) string {
	url := p.scheme + "://" + address + "/"
	if len(p.backends) > 1 {
		url += service
	}
	return url
}

// send begins the requests to a load balancer.
func (r *run) send(all *load.Clients, p place, address string) {
	for _, service := range p.backends {
		url := p.url(address, service)
		for _, kept := range []bool{false, true} {
			all.Add(clients, each, func() load.Client {
				return newWitness(r.ledger, r.Simulator.DialContext, p.namespace, url, service, kept)
			})
		}
	}
}
