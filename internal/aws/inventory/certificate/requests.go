package certificate

import (
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// requestsOf name the requests of an Ingress, whatever its hosts are, and those of a namespace.
func requestsOf(key stack.Key, id string) string {
	return "requests " + ownerOf(key, naming.CertificateOwner(id))
}

func requestsOfNamespace(namespace string) string { return "requests " + namespace }

// requestDelay is why a request must wait; nil = it must not. c.mu is held.
func (c *Certificates) requestDelay(key stack.Key, w *stack.Certificate) *plan.Guard {
	exists := false
	for _, r := range c.byStack[key] {
		_, id, _ := naming.StackOf(c.cfg.Cluster, r.ARN, r.Tags)
		if r.Type != "IMPORTED" && naming.CertificateOwner(id) == naming.CertificateOwner(w.ID) {
			r.namespace, exists = w.Namespace, true
		}
	}
	if !exists {
		if g := c.noRoomFor(w); g != nil {
			return g
		}
	}
	now := c.cfg.Now()
	until, n := c.imports.pause(requestsOf(key, w.ID), freeImports, now)
	what := "the Ingress"
	if of, m := c.imports.pause(requestsOfNamespace(w.Namespace), freeImportsOfNamespace, now); of.After(until) {
		until, n, what = of, m, "Ingresses of namespace "+w.Namespace
	}
	if !now.Before(until) {
		return nil
	}
	return &plan.Guard{
		Code: diag.QuotaExceeded,
		Text: fmt.Sprintf("certificates for %s were requested %d times within a week, and the next request, for %s, waits "+
			"until %s, because AWS limits certificates per year; the previous certificate keeps serving", what, n, w.Domain,
			until.UTC().Format(time.RFC3339)),
		Remedy: "find out who changes the hosts so often",
	}
}

// noRoomFor is why a namespace has no room for one more requested certificate; nil = it has. c.mu is held.
func (c *Certificates) noRoomFor(w *stack.Certificate) *plan.Guard {
	has := c.requestedBy(w.Namespace)
	if has < mostRequestedOfNamespace {
		return nil
	}
	return &plan.Guard{
		Code: diag.QuotaExceeded,
		Text: fmt.Sprintf("the certificate for %s is not requested: Ingresses of namespace %s have %d requested "+
			"certificates, and the controller requests at most %d for a namespace, because ACM allows an account %d by "+
			"default", w.Domain, w.Namespace, has, mostRequestedOfNamespace, quota.Certificates.Default()),
		Remedy: "use certificates with several names or wildcards, or name certificates in certificate-arn",
	}
}

// requestedBy counts the requested certificates of a namespace. c.mu is held.
func (c *Certificates) requestedBy(namespace string) (n int) {
	for key, own := range c.byStack {
		for _, r := range own {
			of := r.namespace
			if of == "" { // this process has not seen who declares it
				of = key.ID.Namespace
			}
			if r.Type != "IMPORTED" && of == namespace {
				n++
			}
		}
	}
	return n
}
