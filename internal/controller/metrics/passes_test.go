package metrics

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// page is what a scrape shows of a metric: its labels' values and, but for histograms, its value.
func page(t *testing.T, r *prometheus.Registry, name string) []string {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var parts []string
			for _, l := range m.GetLabel() {
				parts = append(parts, l.GetName()+"="+l.GetValue())
			}
			if m.GetHistogram() == nil {
				parts = append(parts, strconv.FormatFloat(m.GetGauge().GetValue()+m.GetCounter().GetValue(), 'g', -1, 64))
			}
			out = append(out, strings.Join(parts, " "))
		}
	}
	slices.Sort(out)
	return out
}

func TestTheTopTalkersOfAWindowReplaceThoseBefore(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	m := New(r)
	for n, name := range []string{"once", "twice", "thrice", "four"} {
		for range n + 1 {
			m.CountPass("ingress", "shop", name)
		}
	}
	m.CountPass("targetGroupBinding", "shop", "web")
	m.endWindow()
	want := []string{
		"controller=ingress name=four namespace=shop 4", "controller=ingress name=thrice namespace=shop 3",
		"controller=ingress name=twice namespace=shop 2",
		"controller=targetgroupbinding name=web namespace=shop 1",
	}
	if d := cmp.Diff(want, page(t, r, "awslbc_controller_top_talkers")); d != "" {
		t.Error(d)
	}
	m.endWindow()
	if left := page(t, r, "awslbc_controller_top_talkers"); len(left) != 0 {
		t.Errorf("after a silent window: %v", left)
	}
}

func TestStagesRequestsAndCachesAreMeasured(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	m := New(r)
	m.StartStage("ingress", owner.Of(stack.Ingress).Stages.Deploy)()
	m.StartStage("service", owner.Of(stack.Service).Stages.Release)()
	m.StartStage(BindingControllerLabel, StageBindingStatus)()
	m.ObserveRequest(awsclient.Call{Service: "EC2", Operation: "DescribeVpcs", Duration: time.Second})
	m.ObserveRequest(awsclient.Call{Service: "EC2", Operation: "DescribeVpcs", Duration: time.Second,
		Err: errors.New("no answer")})
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	c := &informertest.FakeInformers{Scheme: scheme}
	Sampler{Metrics: m, Cache: c}.count(t.Context())
	services, err := c.FakeInformerFor(t.Context(), &corev1.Service{})
	if err != nil {
		t.Fatal(err)
	}
	web := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	services.Add(web)
	services.Update(web, web)
	services.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api"}})
	services.Delete(web)
	for name, want := range map[string][]string{
		"awslbc_controller_reconcile_stage_duration": {
			"controller=ingress reconcile_stage=deploy_model", "controller=service reconcile_stage=cleanup_load_balancer",
			"controller=targetGroupBinding reconcile_stage=update_status",
		},
		"aws_api_requests_total": {
			"error_code= operation=DescribeVpcs service=EC2 status_code=200 1",
			"error_code=internal operation=DescribeVpcs service=EC2 status_code=0 1",
		},
		"aws_api_request_duration_seconds": {"operation=DescribeVpcs service=EC2"},
		"awslbc_controller_cache_object_total": {"resource=gateway 0", "resource=ingress 0", "resource=service 1",
			"resource=targetgroupbinding 0"},
	} {
		if d := cmp.Diff(want, page(t, r, name)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	cached := strings.Join(page(t, r, "awslbc_controller_cache_object_total"), " ")
	for _, k := range owner.Kinds {
		if !strings.Contains(cached, "resource="+strings.ToLower(k.Kind)+" ") {
			t.Errorf("objects of kind %s are not counted: %s", k.Kind, cached)
		}
	}
}
