package orphan

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/front/golden"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// input is what a case has besides its objects.
type input struct {
	Held     []Holding
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
			claims := ClaimsOf(objects.New(reader))
			orphans, unclear := Find(in.Held, claims)
			var out struct {
				Claimed map[string]string
				Orphans []shown
				Unclear []Unclear
			}
			out.Claimed = map[string]string{}
			for _, h := range in.Held {
				if by := claims.By(h); by != "" {
					out.Claimed[h.Key.String()] = by
				}
			}
			for _, o := range orphans {
				s := shown{Key: o.Key, Tag: Tag(o.Key), Why: o.Why, Delete: o.Delete(false), Keep: o.Keep()}
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

func orphans(ids ...string) (out []Orphan) {
	for _, id := range ids {
		out = append(out, Orphan{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}, Resources: []Resource{{Kind: stack.KindTargetGroup, ID: id}}})
	}
	return out
}

var web = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}

func TestAnOrphanIsDueOnceLooksInARowHaveWatchedItForTheWholeQuarantine(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const after = 3 * time.Minute
	type look struct {
		at    time.Duration
		found []Orphan
		skip  bool // it saw nothing that counts
	}
	there, gone, grown := orphans("a"), orphans(), []Orphan{{Key: web, Resources: []Resource{{ID: "a"}, {ID: "b"}}}}
	for what, c := range map[string]struct {
		looks          []look
		confirmed, due bool
		watched        time.Duration
	}{
		"one look":                     {[]look{{0, there, false}}, false, false, 0},
		"two looks":                    {[]look{{0, there, false}, {time.Minute, there, false}}, true, false, time.Minute},
		"the whole quarantine":         {[]look{{0, there, false}, {time.Minute, there, false}, {2 * time.Minute, there, false}, {3 * time.Minute, there, false}}, true, true, after},
		"claimed in between":           {[]look{{0, there, false}, {time.Minute, there, false}, {2 * time.Minute, gone, false}, {3 * time.Minute, there, false}, {4 * time.Minute, there, false}}, true, false, time.Minute},
		"more resources":               {[]look{{0, there, false}, {time.Minute, there, false}, {2 * time.Minute, there, false}, {3 * time.Minute, grown, false}}, false, false, 0},
		"fewer resources":              {[]look{{0, grown, false}, {time.Minute, there, false}, {2 * time.Minute, there, false}, {3 * time.Minute, there, false}}, true, true, after},
		"a look that does not count":   {[]look{{0, there, false}, {time.Minute, there, false}, {2 * time.Minute, nil, true}, {3 * time.Minute, there, false}}, true, false, time.Minute},
		"a long time without looks":    {[]look{{0, there, false}, {time.Minute, there, false}, {5 * time.Hour, there, false}}, true, false, time.Minute},
		"a clock that was turned back": {[]look{{time.Hour, there, false}, {0, there, false}}, true, false, 0},
	} {
		var q Quarantine
		for _, l := range c.looks {
			if l.skip {
				q.Skip()
			} else {
				q.Look(begin.Add(l.at), l.found)
			}
		}
		s, confirmed := q.Seen(web)
		if confirmed != c.confirmed || q.Due(web, after) != c.due || s.Watched != c.watched {
			t.Errorf("%s: confirmed %t, due %t, watched for %s", what, confirmed, q.Due(web, after), s.Watched)
		}
		if q.Due(web, 0) {
			t.Errorf("%s: due without a quarantine", what)
		}
	}
}

func TestARestartNeverShortensAQuarantine(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var first, second Quarantine
	first.Look(begin, orphans("a"))
	first.Look(begin.Add(time.Minute), orphans("a"))
	left, _ := first.Seen(web)

	second.Restore(web, left)
	if _, confirmed := second.Seen(web); confirmed || second.Due(web, time.Minute) {
		t.Error("it is confirmed by the looks of another process")
	}
	second.Look(begin.Add(24*time.Hour), orphans("a"))
	if s, confirmed := second.Seen(web); confirmed || s.Watched != time.Minute || second.Due(web, time.Minute) {
		t.Errorf("after one look: confirmed %t, watched for %s", confirmed, s.Watched)
	}
	second.Look(begin.Add(24*time.Hour+time.Minute), orphans("a"))
	if s, confirmed := second.Seen(web); !confirmed || s.Watched != 2*time.Minute || !s.Since.Equal(begin) {
		t.Errorf("after two looks: confirmed %t, watched for %s since %s", confirmed, s.Watched, s.Since)
	}
	second.Restore(web, Seen{Watched: 100 * time.Hour})
	if s, _ := second.Seen(web); s.Watched != 2*time.Minute {
		t.Error("what an earlier process has seen replaces what this one has")
	}
}

// TestALoadBalancerThatIsToStayIsNoOrphan, however long no object claims it.
func TestALoadBalancerThatIsToStayIsNoOrphan(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	o := awsop.Observed{
		LoadBalancers: []awsop.LoadBalancer{{ARN: "arn:lb", LoadBalancer: stack.LoadBalancer{Name: "k8s-web", Tags: map[string]string{naming.RetainedTag: "true"}}}},
		TargetGroups:  []awsop.TargetGroup{{ARN: "arn:tg"}},
	}
	claims := ClaimsOf(objects.New(objects.Snapshot{}))
	found, unclear := Find([]Holding{HoldingOf(key, &o)}, claims)
	want := []Unclear{{Key: key, Retained: true, Why: "load balancer k8s-web stays without an object, by a deletion policy of Retain; to delete it: lbc cleanup --stack ingress.k8s.aws:shop/web --ignore-controller"}}
	if diff := cmp.Diff(want, unclear); diff != "" || len(found) > 0 {
		t.Errorf("orphans %v; unclear (-want +got):\n%s", found, diff)
	}
	backend := Holding{Key: Backend, Resources: []Resource{{Kind: stack.KindSecurityGroup, ID: "sg-1"}}}
	if found, unclear = Find([]Holding{HoldingOf(key, &o), backend}, claims); len(found) > 0 || len(unclear) != 2 {
		t.Errorf("with the shared group: orphans %v, unclear %v", found, unclear)
	}
	if found, unclear = Find([]Holding{backend}, claims); len(found) != 1 || len(unclear) > 0 {
		t.Errorf("the shared group alone: orphans %v, unclear %v", found, unclear)
	}
	o.LoadBalancers = nil // it was deleted by hand, and the rest has no reason to stay
	if found, unclear = Find([]Holding{HoldingOf(key, &o)}, claims); len(found) != 1 || len(unclear) > 0 {
		t.Errorf("orphans %v, unclear %v", found, unclear)
	}
}
