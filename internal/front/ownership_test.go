package front

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestAPlanIsNotCarriedOutWhileOneOfTheObjectsIsOnlyObserved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members, leaving []string // values of the annotation; "-" = it is not there
		class            string   // that of all of them; empty = none
		held             bool
	}{
		"nobody asks":             {members: []string{"-", "-"}},
		"managed":                 {members: []string{"managed"}},
		"one of the members asks": {members: []string{"-", "observed"}, held: true},
		"one that leaves asks":    {members: []string{"-"}, leaving: []string{"observed"}, held: true},
		"what is no ownership":    {members: []string{"Managed"}},
		"shared without a name":   {members: []string{"shared"}, held: true},
		"adopted without a name":  {members: []string{"adopted"}, held: true},
		"the class asks":          {members: []string{"managed"}, class: "observed", held: true},
		"the class does not":      {members: []string{"observed"}, class: "managed"},
	} {
		of := func(values []string) (out []metav1.Object) {
			for _, v := range values {
				i := &networkingv1.Ingress{}
				if v != "-" {
					i.Annotations = map[string]string{"alb.ingress.kubernetes.io/ownership": v}
				}
				out = append(out, i)
			}
			return out
		}
		w := Input{Members: of(c.members), Leaving: of(c.leaving)}
		if c.class != "" {
			w.ClassOwnership = map[string]string{nameOf(w.Members[0]): c.class}
		}
		p := plan.Plan{Steps: []plan.Step{{ID: "x", Action: plan.Create}, {ID: "y", Action: plan.Update}}}.Under(
			Observation(w, stack.Ingress))
		for _, s := range p.Steps {
			if (s.Guard != nil) != c.held || w.Observes(stack.Ingress) != c.held {
				t.Errorf("%s: guard %v", name, s.Guard)
			}
			if c.held && (s.Guard.Code != diag.OnlyObserved || !strings.Contains(s.Guard.Text, "1 to create, 1 to change")) {
				t.Errorf("%s: %+v", name, s.Guard)
			}
		}
	}
}

func TestRetainedResourcesKeepTagsUnlessAllObjectsRelease(t *testing.T) {
	t.Parallel()
	now := metav1.Now()
	for name, c := range map[string]struct {
		policies []string // "-" = none; those in front of a colon are of objects whose load balancer is taken over
		want     stack.Retention
	}{
		"what is taken over":     {[]string{"-:"}, stack.RetainTagged},
		"declared of it":         {[]string{"Delete:"}, stack.RetainUnlessDeletable},
		"in a group":             {[]string{"Delete:", "Delete"}, stack.RetainUnlessDeletable},
		"and let go of":          {[]string{"Delete:", "RetainWithoutTags"}, stack.RetainWithoutTags},
		"without tags, of it":    {[]string{"RetainWithoutTags:"}, stack.RetainWithoutTags},
		"no policy":              {[]string{"-"}, stack.RetainNothing},
		"Delete":                 {[]string{"Delete", "-"}, stack.RetainNothing},
		"Retain":                 {[]string{"-", "Retain"}, stack.RetainTagged},
		"without tags":           {[]string{"RetainWithoutTags", "Delete"}, stack.RetainWithoutTags},
		"two that do not agree":  {[]string{"RetainWithoutTags", "Retain"}, stack.RetainTagged},
		"in the other order":     {[]string{"Retain", "RetainWithoutTags"}, stack.RetainTagged},
		"what is no such policy": {[]string{"retainwithouttags"}, stack.RetainTagged},
	} {
		var w Input
		for _, p := range c.policies {
			i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}}
			p, adopted := strings.CutSuffix(p, ":")
			i.Annotations = map[string]string{}
			if p != "-" {
				i.Annotations["alb.ingress.kubernetes.io/deletion-policy"] = p
			}
			if adopted {
				i.Annotations["alb.ingress.kubernetes.io/ownership"],
					i.Annotations["alb.ingress.kubernetes.io/existing-load-balancer"] = "adopted", "platform"
			}
			w.Leaving = append(w.Leaving, i)
		}
		if got := w.retention(stack.Ingress); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// held is a plan with one step that deletes.
func held() plan.Plan {
	return plan.Plan{Steps: []plan.Step{{ID: "x", Action: plan.Delete, Op: awsop.DeleteListener{}}}}
}

func digestOfStack(t *testing.T, s *stack.Stack) string {
	t.Helper()
	digest, err := planjson.Digest(s)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// TestARemovedPolicyCountsNoMore removes annotations whose values are remembered: a misspelt key keeps them, none does
// not.
func TestARemovedPolicyCountsNoMore(t *testing.T) {
	t.Parallel()
	for _, key := range groups {
		k := owner.Of(key.Owner)
		with := func(annotations map[annotation.Key]string) Input {
			o := deployed(key, of(key, "shop/web", 0, annotations))
			w := inGroup(key, o)
			w.remembered = map[diag.Object]map[string]string{owner.Object(o): {
				string(k.Ownership): annotation.SharedIt, string(k.Existing): "platform", string(k.AllowDeletion): "true"}}
			return w
		}
		shared := map[annotation.Key]string{k.Ownership: annotation.SharedIt}
		if w := with(shared); !w.Observes(key.Owner) {
			t.Errorf("%s: %s without %s is %s", key.Owner, k.Ownership, k.Existing, w.ownership(key.Owner, w.Members[0]))
		}
		shared[k.Existing+"x"] = "platform"
		if w := with(shared); w.Observes(key.Owner) {
			t.Errorf("%s: misspelt %s is not kept", key.Owner, k.Existing)
		}
		w := with(nil)
		w.Declared, w.Members, w.Leaving = false, nil, w.Members
		if allowed, by := w.DeletionAllowed(key.Owner); allowed {
			t.Errorf("%s: allowed by %s, which is removed", key.Owner, by)
		}
	}
}
