package startup

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// TestLoadBalancersOfAnotherClusterNameAreACondition has an API server answer with LoadBalancer objects.
func TestLoadBalancersOfAnotherClusterNameAreACondition(t *testing.T) {
	t.Parallel()
	const ours, other, none = `{"metadata":{"namespace":"a","name":"x"},"status":{"cluster":"blue"}}`,
		`{"metadata":{"namespace":"b","name":"y"},"status":{"cluster":"green"}}`,
		`{"metadata":{"namespace":"c","name":"z"},"status":{"stack":"c/z"}}`
	for name, tt := range map[string]struct {
		namespace, path string
		status          int
		items           string
		want            string // empty: no error
	}{
		"none exists":                     {status: 200},
		"the kind is not served":          {status: 404, items: other},
		"the kind may not be read":        {status: 403, items: other},
		"all are ours":                    {status: 200, items: ours},
		"they are of an earlier version":  {status: 200, items: none},
		"one was restored from elsewhere": {status: 200, items: other + "," + ours},
		"all are another's": {status: 200, items: none + "," + other,
			want: "--cluster-name is blue, but the controller created LoadBalancer b/y under the name green; " +
				impairment.KeepClusterName},
		"several are another's": {status: 200, items: other + "," + other, want: "(2 objects in all)"},
		"those of the watched namespace": {namespace: "b", path: "/apis/elbv2.k8s.aws/v1alpha1/namespaces/b/loadbalancers",
			status: 200, items: other, want: "green"},
		"the API server does not answer it": {status: 500, items: other, want: "the API server at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if want := tt.path; want != "" && r.URL.Path != want || r.URL.Query().Get("limit") == "" {
					t.Errorf("asked for %s", r.URL)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, `{"items":[`+tt.items+`]}`)
			}))
			defer srv.Close()
			s := &Server{Client: discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: srv.URL}).RESTClient(),
				Host: srv.URL}
			err := s.ClusterName(t.Context(), "blue", tt.namespace)
			var c impairment.Condition
			if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &c) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if wrong := strings.Contains(tt.want, "cluster-name") || strings.Contains(tt.want, "green"); wrong &&
				c.Reason != impairment.ClusterName {
				t.Errorf("the reason is %s", c.Reason)
			}
		})
	}
}

// TestForgedClusterNamesHoldNoStart has a tenant, whose namespace sorts first, fill pages with another cluster's name.
func TestForgedClusterNamesHoldNoStart(t *testing.T) {
	t.Parallel()
	const forged, ours = `{"metadata":{"namespace":"a","name":"x"},"status":{"cluster":"green"}}`,
		`{"metadata":{"namespace":"b","name":"y"},"status":{"cluster":"blue"}}`
	for name, want := range map[string]bool{"blue": false, "red": true} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			answer := map[string]string{
				"":    `{"metadata":{"continue":"two"},"items":[` + forged + `,` + forged + `]}`,
				"two": `{"metadata":{"continue":"end"},"items":[` + forged + `]}`,
				"end": `{"items":[` + ours + `]}`,
			}[r.URL.Query().Get("continue")]
			_, _ = io.WriteString(w, answer)
		}))
		s := &Server{Client: discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: srv.URL}).RESTClient(),
			Host: srv.URL}
		if err := s.ClusterName(t.Context(), name, ""); (err != nil) != want {
			t.Errorf("a controller of cluster %s: %v", name, err)
		}
		srv.Close()
	}
}
