package explain

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// Methods of requests that follow a redirect.
const get, head = "GET", "HEAD"

// MaxRedirects is the number of redirects after which Follow stops, as Chromium and Firefox do.
const MaxRedirects = 20

// Follow is Ask, followed by the targets of redirects as long as they stay on the load balancer: each walk has the next
// one in Next, or in Stopped the reason why it is the last. Like a browser, Follow uses GET unless the method is HEAD,
// and sends no credentials to another host.
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
			w.Stopped = "leads to a former request: clients stop at the loop"
			return first
		case hops == MaxRedirects:
			w.Stopped = fmt.Sprintf("is one redirect too many: browsers stop after %d", MaxRedirects)
			return first
		case !sameHost(next.Host, r.Host) && !x.serves(&next):
			w.Stopped = "leads elsewhere: no rule of this load balancer is for host " + next.Host
			return first
		}
		r = next
		walk := Ask(in, r)
		w.Next, w = &walk, &walk
	}
	return first
}

// location parses a Location header.
func location(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("clients cannot read the Location %q", text)
	}
	return u, nil
}

// redirected is the request that follows a redirect.
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

// identity identifies a request by all that rules may depend on, and its port.
func identity(r *traffic.Request) string {
	return fmt.Sprintf("%s %s %s %d %s?%s", r.Method, r.Scheme, bare(r.Host), r.Port, r.Path, r.RawQuery)
}

func sameHost(a, b string) bool { return bare(a) == bare(b) }

func bare(host string) string {
	u := url.URL{Host: host}
	return strings.ToLower(u.Hostname())
}

// serves reports whether a rule names the host of a request, or it is the load balancer's DNS name.
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
