package explain

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// Methods that a redirect is followed by.
const get, head = "GET", "HEAD"

// MaxRedirects is after how many redirects Follow gives up, as Chromium and Firefox do.
const MaxRedirects = 20

// Follow is Ask, and then where redirects lead, as long as they stay on the load balancer: each walk has the next one in Next, or in
// Stopped why it ends there. As browsers do, it asks again by GET unless by HEAD, and takes no credentials to another host.
func Follow(in Input, r traffic.Request) Walk {
	first := Ask(in, r)
	x := explainer{in: in}
	met := map[string]bool{}
	w := &first
	for hops := 0; w.location != nil && w.Stopped == ""; hops++ {
		met[identity(&r)] = true
		next, err := redirected(&r, w.location)
		switch {
		case err != nil:
			w.Stopped = err.Error()
			return first
		case met[identity(&next)]:
			w.Stopped = "leads to a request that was there before: clients give up on the loop"
			return first
		case hops == MaxRedirects:
			w.Stopped = fmt.Sprintf("is one redirect too many: browsers give up after %d", MaxRedirects)
			return first
		case !sameHost(next.Host, r.Host) && !x.serves(&next):
			w.Stopped = "leads away: no rule of this load balancer is for host " + next.Host
			return first
		}
		r = next
		walk := Ask(in, r)
		w.Next, w = &walk, &walk
	}
	return first
}

// location reads a Location header; nil and why if clients cannot.
func location(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("clients cannot read the Location %q", text)
	}
	return u, nil
}

// redirected is the request that follows on a redirect.
func redirected(r *traffic.Request, to *url.URL) (traffic.Request, error) {
	next := traffic.Request{Method: get, Header: map[string][]string{}, SourceIP: r.SourceIP}
	if r.Method == head {
		next.Method = head
	}
	if err := address(&next, to); err != nil {
		return next, err
	}
	for k, v := range r.Header {
		if sameHost(next.Host, r.Host) || k != "Authorization" && k != "Cookie" {
			next.Header[k] = v
		}
	}
	return next, nil
}

// identity tells requests apart that a load balancer may treat differently, ports included.
func identity(r *traffic.Request) string {
	return fmt.Sprintf("%s %s %s %d %s?%s", r.Method, r.Scheme, bare(r.Host), r.Port, r.Path, r.RawQuery)
}

func sameHost(a, b string) bool { return bare(a) == bare(b) }

func bare(host string) string {
	u := url.URL{Host: host}
	return strings.ToLower(u.Hostname())
}

// serves reports whether the host of a request is one of the load balancer's: a rule names it, or it is its DNS name.
func (x *explainer) serves(r *traffic.Request) bool {
	for _, lb := range x.in.Observed.LoadBalancers {
		if lb.DNSName != "" && sameHost(lb.DNSName, r.Host) {
			return true
		}
	}
	for _, rule := range x.in.Stack.Rules {
		for _, c := range rule.Conditions {
			if c.Field != stack.HostHeader {
				continue
			}
			only := []stack.Rule{{Conditions: []stack.Condition{c}}}
			if d := traffic.Match(only, nil, *r); d.Rule != nil {
				return true
			}
		}
	}
	return false
}
