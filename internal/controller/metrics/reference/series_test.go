package reference

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/model/quota"
)

func TestEachMetricSaysWhatItHasSeriesPer(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, row := range metrics.Table {
		key := strings.Join(row.Labels, ",")
		used[key] = true
		if _, ok := per[key]; !ok {
			t.Errorf("per lacks the labels %q of %s", key, row.Name)
		}
		ofObjects := slices.Contains(row.Labels, "namespace") && row.Name != "awslbc_controller_top_talkers"
		listed := false
		for _, o := range perObject {
			listed = listed || o.name == row.Name
		}
		if ofObjects != listed {
			t.Errorf("%s has series of objects: %v; perObject has it: %v", row.Name, ofObjects, listed)
		}
	}
	for key := range per {
		if !used[key] {
			t.Errorf("no metric has the labels %q", key)
		}
	}
}

// TestSeriesOfObjectsAreAsDocumented counts those of the largest cluster.
func TestSeriesOfObjectsAreAsDocumented(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	m := metrics.New(r)
	for n := range largestBindings {
		o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("b", n)}}
		o.Spec.ServiceRef.Name = fmt.Sprint("s", n)
		m.SetTargetGroup(o)
		m.CountUnidentified(o, 1)
		m.ObserveGate(types.NamespacedName{Namespace: "shop", Name: o.Name}, time.Second)
	}
	balancers := make([]metrics.LoadBalancer, 2*metrics.MostLoadBalancers)
	for n := range balancers {
		balancers[n] = metrics.LoadBalancer{Namespace: "shop", Name: fmt.Sprint(n)}
		for _, x := range conditionTypes {
			balancers[n].Conditions = append(balancers[n].Conditions, metav1.Condition{Type: x, Status: metav1.ConditionTrue})
		}
	}
	m.CollectGates(func() map[types.NamespacedName]time.Duration {
		out := map[types.NamespacedName]time.Duration{}
		for n := range largestBindings {
			out[types.NamespacedName{Namespace: "shop", Name: fmt.Sprint("b", n)}] = time.Second
		}
		return out
	})
	m.CollectLoadBalancers(func() []metrics.LoadBalancer { return balancers }, func() []quota.Use { return nil })
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			have[f.GetName()]++
			if h := x.GetHistogram(); h != nil {
				have[f.GetName()] += len(h.GetBucket()) + 2
			}
		}
	}
	for _, o := range perObject {
		if want := o.objects * o.each * metrics.RowOf(o.name).SeriesPer(); have[o.name] != want {
			t.Errorf("%s has %d series, in the page %d", o.name, have[o.name], want)
		}
	}
}
