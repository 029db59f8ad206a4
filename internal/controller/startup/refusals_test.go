package startup

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

func TestWhatAuthorizationSeesOfARequestIsReadFromItsMethodAndURL(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]request{
		"GET /api/v1/namespaces/shop/services/web": {"get", "", "services",
			"shop", "web"},
		"GET /apis/networking.k8s.io/v1/ingresses?limit=500": {"list", "networking.k8s.io",
			"ingresses", "", ""},
		"GET /apis/networking.k8s.io/v1/ingresses?watch=true": {"watch", "networking.k8s.io",
			"ingresses", "", ""},
		"PATCH /apis/networking.k8s.io/v1/namespaces/shop/ingresses/web/status": {"patch", "networking.k8s.io",
			"ingresses/status", "shop", "web"},
		"POST /api/v1/namespaces/shop/events": {"create", "", "events",
			"shop", ""},
		"PUT /api/v1/namespaces/kube-system/configmaps/x": {"update", "", "configmaps",
			"kube-system", "x"},
		"DELETE /apis/elbv2.k8s.aws/v1beta1/namespaces/shop/targetgroupbindings/x": {"delete", "elbv2.k8s.aws",
			"targetgroupbindings", "shop", "x"},
		"GET /api/v1/namespaces/shop": {"get", "", "namespaces",
			"", "shop"},
		"PATCH /api/v1/namespaces/shop/status": {"patch", "", "namespaces/status",
			"", "shop"},
		"GET /k8s/clusters/c-1/apis/gateway.networking.k8s.io/v1/gatewayclasses/alb": {
			"get", "gateway.networking.k8s.io", "gatewayclasses", "", "alb"},
		"GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.example.com": {"get", "apiextensions.k8s.io",
			"customresourcedefinitions", "", "gateways.example.com"},
		"GET /version":                    {},
		"GET /apis/networking.k8s.io/v1":  {},
		"OPTIONS /api/v1/namespaces/shop": {},
	} {
		method, target, _ := strings.Cut(line, " ")
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := requestOf(method, u)
		if ok != (want != request{}) || ok && got != want {
			t.Errorf("%s: %+v, %v", line, got, ok)
		}
	}
}

// answering is a transport of one status.
type answering int

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(a), Body: http.NoBody}, nil
}

// TestMissingRightIsReportedUntilGranted refuses requests. The ServiceAccount has the right for
// some of them: admission refuses those.
func TestMissingRightIsReportedUntilGranted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			s       impairment.Conditions
			mu      sync.Mutex
			logged  []string
			reviews = map[string]int{}
			denied  = map[string]bool{"patch ingresses/status": true, "create events": true,
				"get customresourcedefinitions": true, "get secrets": true, "get services": true}
		)
		core := fake.NewClientset()
		core.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			mu.Lock()
			defer mu.Unlock()
			review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
			of := review.Spec.ResourceAttributes
			what := of.Verb + " " + strings.TrimSuffix(of.Resource+"/"+of.Subresource, "/")
			reviews[what]++
			review.Status.Allowed = !denied[what]
			return true, review, nil
		})
		r := NewRights(&s, "", time.Now, funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{}))
		r.Reviews = core.AuthorizationV1().SelfSubjectAccessReviews()
		go r.Run(t.Context())
		send := func(status int, method, target string) {
			t.Helper()
			q, err := http.NewRequestWithContext(t.Context(), method, "https://server"+target, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := r.Observe(answering(status)).RoundTrip(q)
			if err != nil || resp.StatusCode != status {
				t.Errorf("%v, %v", resp, err)
			}
			_ = resp.Body.Close()
			synctest.Wait()
		}
		for range 3 {
			send(403, "PATCH", "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/web/status")
			send(403, "PATCH", "/apis/networking.k8s.io/v1/namespaces/other/ingresses/web/status")
			send(403, "POST", "/api/v1/namespaces/shop/events")
			send(403, "PATCH", "/api/v1/namespaces/shop/services/web") // by admission
			send(200, "GET", "/api/v1/namespaces/shop/services/web")
			send(403, "GET", "/api/v1/namespaces/shop/secrets/web")
			send(403, "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.gateway.networking.k8s.io")
			send(403, "GET", "/apis/networking.k8s.io/v1/ingresses")
		}
		r.Missing(t.Context(), apierrors.NewForbidden(schema.GroupResource{Group: "gateway.networking.k8s.io",
			Resource: "backendtlspolicies"}, "", errors.New("no")))
		want := []impairment.Condition{{Reason: impairment.Rights, Remedy: impairment.GrantRights,
			Text: "the controller's ServiceAccount may not create events; nor patch ingresses/status.networking.k8s.io"}}
		if d := cmp.Diff(want, s.All()); d != "" {
			t.Error(d)
		}
		if len(logged) != 2 ||
			!strings.Contains(logged[1], "may not list, watch backendtlspolicies.gateway.networking.k8s.io: "+
				"BackendTLSPolicies do not show") ||
			!strings.Contains(logged[0], "may not get customresourcedefinitions.apiextensions.k8s.io: deletions of Gateways") ||
			!strings.Contains(logged[0], impairment.GrantRights) {
			t.Errorf("logged %q", logged)
		}
		if reviews["patch services"] != 1 || reviews["get secrets"]+reviews["list ingresses"]+reviews["get services"] > 0 {
			t.Errorf("reviews: %v", reviews)
		}
		mu.Lock()
		delete(denied, "create events")
		mu.Unlock()
		time.Sleep(pauses.Longest)
		if all := s.All(); len(all) != 1 || strings.Contains(all[0].Text, "events") {
			t.Errorf("after a grant: %v", all)
		}
		mu.Lock()
		clear(denied)
		mu.Unlock()
		if time.Sleep(pauses.Longest); len(s.All()) != 0 {
			t.Errorf("after all grants: %v", s.All())
		}
	})
}

// TestRightsOutsideOfTheOnlyWatchedNamespaceAreNotMissed refuses reads to a controller with --watch-namespace.
func TestRightsOutsideOfTheOnlyWatchedNamespaceAreNotMissed(t *testing.T) {
	t.Parallel()
	r := NewRights(&impairment.Conditions{}, "shop", time.Now, funcr.New(func(string, string) {}, funcr.Options{}))
	for x, want := range map[request]bool{
		{"get", "", "services", "other", "web"}:                                       false,
		{"get", "networking.k8s.io", "ingressclasses", "", "alb"}:                     false,
		{"get", "", "services", "shop", "web"}:                                        true,
		{"create", "", "configmaps", "kube-system", ""}:                               true,
		{"create", "authorization.k8s.io", "selfsubjectaccessreviews", "", ""}:        false,
		{"update", "coordination.k8s.io", "leases", "kube-system", "the-controllers"}: false,
	} {
		if got := r.follows(x); got != want {
			t.Errorf("%+v: %v", x, got)
		}
	}
}
