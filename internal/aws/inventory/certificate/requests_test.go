package certificate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// requests are the certificates of an account whose stacks request some.
type requests struct {
	*Certificates
	now  time.Time
	made int
}

func newRequests() *requests {
	r := &requests{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	r.restart()
	return r
}

// restart begins a process that knows what ACM has by its tags.
func (r *requests) restart() {
	before := r.Certificates
	r.Certificates = New(awsclient.Clients{}, Config{Cluster: "demo", Request: true,
		Now: func() time.Time { return r.now }})
	if before == nil {
		return
	}
	for arn, old := range before.records {
		is := &record{Certificate: old.Certificate, createdAt: old.createdAt}
		r.records[arn] = is
		r.setTags(is, old.Tags)
	}
}

// request requests a certificate of an Ingress for a host, unless that must wait, which is returned.
func (r *requests) request(key stack.Key, namespace, name, host string) (held string) {
	id := naming.CertificateID(false, host, namespace, name)
	w := stack.Certificate{ID: id, Domain: host, Names: []string{host}, Namespace: namespace,
		Tags: naming.Tracking(stack.Ingress, "demo", key.ID.String(), id)}
	if g, waits := r.Delayed(key, &stack.Stack{Certificates: []stack.Certificate{w}})[id]; waits {
		return g.Text
	}
	r.made++
	r.Record(key, awsop.RequestCertificate{Certificate: w}, awsop.Output{ID: fmt.Sprint("arn:", r.made)},
		func(stack.Ref) string { return "" })
	return ""
}

// own is the stack of an Ingress without a group.
func own(namespace, name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: naming.StackID(namespace, name)}
}

// TestRequestsOfNamespaceAreBounded has a tenant create Ingresses without end, each with a load balancer or a group of
// its own. A restart forgets nothing, as ACM has the tags.
func TestRequestsOfNamespaceAreBounded(t *testing.T) {
	t.Parallel()
	for name, keyOf := range map[string]func(name string) stack.Key{
		"alone":  func(name string) stack.Key { return own("mal", name) },
		"groups": func(name string) stack.Key { return stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: name}} },
	} {
		r := newRequests()
		held, first := "", 0
		for ; held == "" && first < 1000; first++ {
			ingress := fmt.Sprint("web", first)
			held = r.request(keyOf(ingress), "mal", ingress, ingress+".example.com")
		}
		if first != mostRequestedOfNamespace+1 || !strings.Contains(held, "namespace mal have 500 requested certificates") {
			t.Errorf("%s: request %d is the first that waits: %s", name, first, held)
		}
		if held := r.request(own("shop", "web"), "shop", "web", "web.example.com"); held != "" {
			t.Errorf("%s: the request of another namespace waits: %s", name, held)
		}
		if held := r.request(keyOf("web7"), "mal", "web7", "other.example.com"); held != "" {
			t.Errorf("%s: an Ingress does not exchange its certificate: %s", name, held)
		}
		r.now = r.now.AddDate(0, 1, 0)
		if name == "alone" {
			r.restart()
		}
		held = r.request(own("mal", "late"), "mal", "late", "late.example.com")
		if !strings.Contains(held, "at most 500") {
			t.Errorf("%s: a month later: %q", name, held)
		}
	}
}

// TestRequestsOfIngressWaitLonger has an Ingress change its hosts in a loop.
func TestRequestsOfIngressWaitLonger(t *testing.T) {
	t.Parallel()
	r, key := newRequests(), own("shop", "web")
	request := func(n int) string { return r.request(key, "shop", "web", fmt.Sprintf("h%d.example.com", n)) }
	for n := range freeImports {
		if held := request(n); held != "" {
			t.Fatalf("request %d waits: %s", n, held)
		}
	}
	if held := request(freeImports); !strings.Contains(held, "for the Ingress were requested 10 times within a week") {
		t.Errorf("the next one: %q", held)
	}
	if held := r.request(own("shop", "api"), "shop", "api", "api.example.com"); held != "" {
		t.Errorf("another Ingress waits: %s", held)
	}
	r.now = r.now.Add(time.Minute)
	if held := request(freeImports); held != "" {
		t.Errorf("a minute later: %s", held)
	}
	before := r.made
	for n := range 7 * 24 * 60 {
		r.now = r.now.Add(time.Minute)
		request(100 + n)
	}
	if n := r.made - before; n < 5 || n > 30 {
		t.Errorf("%d requests in a week of edits each minute", n)
	}
}
