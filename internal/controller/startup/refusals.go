package startup

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// reviewPause is the pause between reviews of a right that is granted while requests are refused: admission refuses
// requests as well.
const reviewPause = time.Minute

// Optional are the resources, with their groups, without whose rights the controller only lacks what is said here,
// which is logged.
var Optional = map[string]string{
	"customresourcedefinitions.apiextensions.k8s.io": "deletions of Gateways, routes and their configurations take " +
		"effect one second later",
	"loadbalancers.elbv2.k8s.aws":                         "the controller does not update LoadBalancer objects",
	"loadbalancers/status.elbv2.k8s.aws":                  "LoadBalancer objects have no status",
	"backendtlspolicies.gateway.networking.k8s.io":        "BackendTLSPolicies do not show that they have no effect",
	"backendtlspolicies/status.gateway.networking.k8s.io": "BackendTLSPolicies do not show that they have no effect",
}

// reportedElsewhere are the resources whose refusals have reports of their own.
var reportedElsewhere = map[string]bool{
	"secrets":                    true, // on the objects that name them, and as the webhooks' lack of a certificate
	"leases.coordination.k8s.io": true, // Rights.Lease
}

// request is what authorization sees of a request to the API server.
type request struct{ verb, group, resource, namespace, name string }

// requestOf reads the method and the URL of a request; false = it is about no resource.
func requestOf(method string, u *url.URL) (r request, ok bool) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	// behind a proxy with a path of its own
	if i := slices.IndexFunc(parts, func(s string) bool { return s == "api" || s == "apis" }); i > 0 {
		parts = parts[i:]
	}
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		r.group, parts = parts[1], parts[3:]
	default:
		return r, false
	}
	// these are of the namespace itself
	if len(parts) >= 3 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize" {
		r.namespace, parts = parts[1], parts[2:]
	}
	r.resource = parts[0]
	if len(parts) > 1 {
		r.name = parts[1]
	}
	if len(parts) > 2 {
		r.resource += "/" + parts[2]
	}
	switch method {
	case http.MethodGet:
		r.verb = "get"
		if r.name == "" {
			r.verb = "list"
		}
		if w := u.Query().Get("watch"); w == "true" || w == "1" {
			r.verb = "watch"
		}
	case http.MethodPost:
		r.verb = "create"
	case http.MethodPut:
		r.verb = "update"
	case http.MethodPatch:
		r.verb = "patch"
	case http.MethodDelete:
		r.verb = "delete"
	}
	return r, r.verb != ""
}

// follows reports whether the refusal of a request is to be reviewed here. Lists and watches are those of informers,
// which report theirs, or look whether a right is there; outside of the only watched namespace, rights are not
// expected.
func (r *Rights) follows(x request) bool {
	if x.verb == "list" || x.verb == "watch" || x.group == "authorization.k8s.io" || x.verb == "get" &&
		r.Namespace != "" && x.namespace != r.Namespace {
		return false
	}
	return !reportedElsewhere[x.right("").resource()]
}

// right is what a request needs; requests in several namespaces need one right.
func (x request) right(namespace string) Right {
	return Right{Verbs: x.verb, Group: x.group, Resource: x.resource, Namespace: namespace}
}

// Observe wraps the transport of clients of the API server: requests that it refuses for want of a right are reported.
func (r *Rights) Observe(next http.RoundTripper) http.RoundTripper { return observer{r, next} }

type observer struct {
	rights *Rights
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (o observer) RoundTrip(q *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(q)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		return resp, err
	}
	if x, ok := requestOf(q.Method, q.URL); ok && o.rights.follows(x) {
		select {
		case o.rights.refusals <- x:
		default: // the next refusal is reviewed
		}
	}
	return resp, nil
}

// WrappedRoundTripper shows what is wrapped, as client-go's transports do.
func (o observer) WrappedRoundTripper() http.RoundTripper { return o.next }

// Run reviews refusals until ctx ends.
func (r *Rights) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-r.refusals:
			r.refused(ctx, x)
		}
	}
}

// refused reviews a refused request. The reason may be another one than rights, such as a policy of admission.
func (r *Rights) refused(ctx context.Context, x request) {
	right, now := x.right(r.Namespace), r.Now()
	r.mu.Lock()
	at, looked := r.looked[right]
	skip := slices.Contains(r.missing, right) || looked && now.Sub(at) < reviewPause
	r.looked[right] = now
	r.mu.Unlock()
	if skip || r.denied(ctx, right, x.namespace, x.name) != yes {
		return
	}
	if r.forgo(right) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(append(r.missing, right))
	go r.review(ctx, right, x.namespace, x.name)
}

// forgo reports whether a right is optional. It logs once what is lost without it.
func (r *Rights) forgo(right Right) bool {
	lost, ok := Optional[right.resource()]
	if !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.forgone, right) {
		r.forgone = append(r.forgone, right)
		r.Log.Info("the controller's ServiceAccount may not "+right.text()+": "+lost, "remedy", impairment.GrantRights)
	}
	return true
}
