package orphan_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/front/golden"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/cleanup"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// input is what a case has besides its objects.
type input struct {
	Held     []orphan.Holding
	Unserved []objects.Kind // kinds that the API server does not serve
}

// partial is a snapshot of a cluster that does not serve all kinds.
type partial struct {
	objects.Snapshot
	unserved []objects.Kind
}

func (p partial) Serves(kind objects.Kind) bool { return !slices.Contains(p.unserved, kind) }

// shown is an orphan as a case shows it.
type shown struct {
	Key       stack.Key
	Tag, Why  string
	Resources []string
	Delete    string
	Keep      []string
}

func TestWhatNoObjectClaimsIsAnOrphan(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Cases(t, "testdata") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			var in input
			reader := partial{Snapshot: objects.Snapshot{}}
			for _, o := range golden.Input(t, name, &in) {
				reader.Put(o)
			}
			reader.unserved = in.Unserved
			claims := orphan.ClaimsOf(objects.New(reader))
			orphans, unclear := orphan.Find(in.Held, claims)
			var out struct {
				Claimed map[string]string
				Orphans []shown
				Unclear []orphan.Unclear
			}
			out.Claimed = map[string]string{}
			for _, h := range in.Held {
				if by := claims.By(h); by != "" {
					out.Claimed[h.Key.String()] = by
				}
			}
			for _, o := range orphans {
				s := shown{Key: o.Key, Tag: cleanup.Tag(o.Key), Why: o.Why, Delete: o.Delete(false), Keep: cleanup.Keep(o)}
				for _, r := range o.Resources {
					s.Resources = append(s.Resources, r.String())
				}
				out.Orphans = append(out.Orphans, s)
			}
			out.Unclear = unclear
			golden.Compare(t, name, out)
		})
	}
}

// TestALoadBalancerThatIsToStayIsNoOrphan, however long no object claims it.
func TestALoadBalancerThatIsToStayIsNoOrphan(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	o := awsop.Observed{
		LoadBalancers: []awsop.LoadBalancer{
			{ARN: "arn:lb", LoadBalancer: stack.LoadBalancer{Name: "k8s-web", Tags: map[string]string{
				naming.RetainedTag: "true"}}}},
		TargetGroups: []awsop.TargetGroup{{ARN: "arn:tg"}},
	}
	claims := orphan.ClaimsOf(objects.New(objects.Snapshot{}))
	found, unclear := orphan.Find([]orphan.Holding{orphan.HoldingOf(key, &o)}, claims)
	want := []orphan.Unclear{{Key: key, Retained: true,
		Why: "load balancer k8s-web stays without an object, by a deletion " +
			"policy of Retain; to delete it: lbc cleanup --stack ingress.k8s.aws:shop/web --ignore-controller"}}
	if diff := cmp.Diff(want, unclear); diff != "" || len(found) > 0 {
		t.Errorf("orphans %v; unclear (-want +got):\n%s", found, diff)
	}
	backend := orphan.Holding{Key: orphan.Backend, Resources: []orphan.Resource{{Kind: stack.KindSecurityGroup,
		ID: "sg-1"}}}
	if found, unclear = orphan.Find([]orphan.Holding{orphan.HoldingOf(key, &o), backend},
		claims); len(found) > 0 || len(unclear) != 2 {
		t.Errorf("with the shared group: orphans %v, unclear %v", found, unclear)
	}
	if found, unclear = orphan.Find([]orphan.Holding{backend}, claims); len(found) != 1 || len(unclear) > 0 {
		t.Errorf("the shared group alone: orphans %v, unclear %v", found, unclear)
	}
	o.LoadBalancers = nil // it was deleted by hand, and the rest has no reason to stay
	if found, unclear = orphan.Find([]orphan.Holding{orphan.HoldingOf(key, &o)},
		claims); len(found) != 1 || len(unclear) > 0 {
		t.Errorf("orphans %v, unclear %v", found, unclear)
	}
}
