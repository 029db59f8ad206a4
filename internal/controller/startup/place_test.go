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

// TestLoadBalancersOfAnotherPlaceAreACondition has an API server answer with LoadBalancer objects and bindings.
func TestLoadBalancersOfAnotherPlaceAreACondition(t *testing.T) {
	t.Parallel()
	arn := func(region, account, kind string) string {
		return "arn:aws:elasticloadbalancing:" + region + ":" + account + ":" + kind + "/x"
	}
	object := func(name, region, account string) string {
		return `{"metadata":{"namespace":"shop","name":"` + name + `"},"status":{"cluster":"blue","arn":"` +
			arn(region, account, "loadbalancer") + `","targetGroups":[{"name":"tg","arn":"` +
			arn(region, account, "targetgroup") + `"}]}}`
	}
	binding := func(name, region, vpc string) string {
		return `{"metadata":{"namespace":"shop","name":"` + name + `"},"spec":{"targetGroupARN":"` + arn(region, "1",
			"targetgroup") + `","vpcID":"` + vpc + `"}}`
	}
	const here, other = "us-west-2", "eu-west-1"
	for name, tt := range map[string]struct {
		balancers, bindings []string
		status              int    // of the API server; 0 = 200
		account             string // of the credentials; empty = not known
		want                string // empty: no error
	}{
		"none exists":                     {},
		"the kind is not served":          {status: 404},
		"the kind may not be read":        {status: 403},
		"all are here":                    {balancers: []string{object("a", here, "1")}, account: "1"},
		"the account is not known":        {balancers: []string{object("a", here, "1")}},
		"one was restored from elsewhere": {balancers: []string{object("a", other, "1"), object("b", here, "1")}},
		"another Region": {balancers: []string{object("a", other, "1")},
			want: "the controller works in Region us-west-2, but LoadBalancer shop/a shows " + arn(other, "1", "loadbalancer") +
				"; " + impairment.KeepPlace},
		"another account": {balancers: []string{object("a", here, "1")}, account: "2",
			want: "the controller works in account 2, but LoadBalancer shop/a"},
		"another cluster's object": {balancers: []string{strings.Replace(object("a", other, "1"), "blue", "green", 1)}},
		"this VPC": {balancers: []string{object("a", here, "1")}, bindings: []string{binding("x", here, "vpc-2"),
			binding("y", here, "vpc-1")}},
		"another VPC": {balancers: []string{object("a", here, "1")}, bindings: []string{binding("x", here, "vpc-2")},
			want: "the controller works in VPC vpc-1, but TargetGroupBinding shop/x is of VPC vpc-2"},
		"a user's binding of another VPC": {balancers: []string{object("a", here, "1")},
			bindings: []string{binding("x", other, "vpc-2")}},
		"the API server does not answer it": {status: 500, want: "the API server at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				items := map[string][]string{"/apis/elbv2.k8s.aws/v1alpha1/namespaces/shop/loadbalancers": tt.balancers,
					"/apis/elbv2.k8s.aws/v1beta1/namespaces/shop/targetgroupbindings": tt.bindings}[r.URL.Path]
				w.Header().Set("Content-Type", "application/json")
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
				_, _ = io.WriteString(w, `{"items":[`+strings.Join(items, ",")+`]}`)
			}))
			defer srv.Close()
			s := &Server{Client: discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: srv.URL}).RESTClient(),
				Host: srv.URL}
			err := s.Place(t.Context(), Place{Region: here, VPC: "vpc-1", Account: tt.account}, "blue", "shop")
			var c impairment.Condition
			if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &c) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
