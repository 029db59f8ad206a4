package ingress

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/front/golden"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// outcome is what a golden case comes to: the intent of every group that any Ingress of the case names, and the
// Ingresses that belong to none for a reason.
type outcome struct {
	Groups   []groupOutcome
	Rejected diag.List
}

type groupOutcome struct {
	Group    string
	Former   []string
	Inactive []string
	DryRun   []string
	Members  []intent.Member
}

// defaults are those of a controller started without flags.
func defaults() Config {
	return Config{IngressClass: "alb", TolerateMissingService: true, TolerateMissingAction: true}
}

func run(t *testing.T, name string) outcome {
	t.Helper()
	input := struct{ Config Config }{defaults()}
	v := objects.FromObjects(golden.Input(t, name, &input))
	var out outcome
	done := map[stack.ID]bool{}
	for _, ing := range v.Ingresses() {
		if _, _, d := GroupOf(v, input.Config, ing); d != nil {
			out.Rejected = append(out.Rejected, *d)
		}
		for _, id := range groups(v, input.Config, ing) {
			if done[id] {
				continue
			}
			done[id] = true
			g := Load(v, input.Config, id)
			one := groupOutcome{Group: id.String(), Members: Translate(v, input.Config, g).Members}
			for _, h := range g.Former {
				one.Former = append(one.Former, h.Namespace+"/"+h.Name)
			}
			for _, h := range g.Inactive {
				one.Inactive = append(one.Inactive, h.Namespace+"/"+h.Name)
			}
			for _, h := range g.DryRun {
				one.DryRun = append(one.DryRun, h.Namespace+"/"+h.Name)
			}
			out.Groups = append(out.Groups, one)
		}
	}
	return out
}

func TestGoldenCases(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Cases(t, "testdata") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, name, run(t, name))
		})
	}
}

func TestEveryBuiltAnnotationIsInACaseValidAndInvalid(t *testing.T) {
	t.Parallel()
	used, refused := map[annotation.Key]bool{}, map[annotation.Key]bool{}
	for _, name := range golden.Cases(t, "testdata") {
		var config struct{ Config Config }
		for _, o := range golden.Input(t, name, &config) {
			for k := range o.GetAnnotations() {
				if e, ok := annotation.Lookup(annotation.Key(k)); ok {
					used[e.Key] = true
				}
			}
		}
		for _, g := range run(t, name).Groups {
			for _, m := range g.Members {
				for _, d := range m.Diagnostics {
					if d.Class != diag.Note && d.Scope == "" {
						t.Errorf("%s: what it costs is not said: %s", name, d.Message())
					}
					k := strings.TrimSuffix(strings.TrimPrefix(d.Path, "metadata.annotations["), "]")
					if e, ok := annotation.Lookup(annotation.Key(k)); ok && d.Class != diag.Note {
						refused[e.Key] = true
					}
				}
			}
		}
	}
	// These take any value: what it means is known only where AWS or other objects are, or a malformed one counts as none.
	anything := map[annotation.Key]bool{
		annotation.GroupName: true, annotation.LoadBalancerName: true, annotation.SecurityGroups: true,
		annotation.PrefixLists: true, annotation.CertificateARN: true, annotation.SSLPolicy: true,
		annotation.IPAMPool: true, annotation.WebACLARN: true, annotation.WebACLName: true,
		annotation.AuthScope: true, annotation.AuthSessionCookie: true, annotation.RegexPathMatch: true,
		annotation.FrontendSecurityGroups: true, annotation.FrontendEIPAllocations: true,
		annotation.DeleteDuplicates: true,
		annotation.ClassicWebACL:    true, annotation.FormerWebACL: true,
	}
	for _, e := range annotation.Entries() {
		if e.Scope != annotation.OnIngress && e.Scope != annotation.OnBoth {
			continue
		}
		if !used[e.Key] {
			t.Errorf("%s is in no case", e.Key)
		}
		if !refused[e.Key] && !anything[e.Key] {
			t.Errorf("%s is in no case with an invalid value", e.Key)
		}
	}
}

func TestAGroupDependsOnItsMembersOnly(t *testing.T) {
	t.Parallel()
	v := objects.FromObjects(golden.Input(t, "testdata/group", &struct{ Config Config }{}))
	Load(v, defaults(), stack.ID{Name: "shared"})
	want := []objects.Read{
		{Kind: objects.Ingress, Namespace: "a", Name: "bad-name"},
		{Kind: objects.Ingress, Namespace: "a", Name: "class-gone"},
		{Kind: objects.Ingress, Namespace: "a", Name: "deleting"},
		{Kind: objects.Ingress, Namespace: "a", Name: "foreign"},
		{Kind: objects.Ingress, Namespace: "a", Name: "moved"},
		{Kind: objects.Ingress, Namespace: "b", Name: "second"},
		{Kind: objects.Ingress, Namespace: "b", Name: "third"},
		{Kind: objects.Ingress, Namespace: "c", Name: "last"},
		{Kind: objects.Ingress, Namespace: "z", Name: "first"},
		{Kind: objects.IngressClass, Name: "alb"},
		{Kind: objects.IngressClass, Name: "foreign"},
		{Kind: objects.IngressClass, Name: "gone"},
		// which say who joins the group
		{Kind: objects.IngressClassParams, Names: objects.Ref{Kind: objects.Group, Name: "shared"}},
	}
	if d := cmp.Diff(want, v.Reads()); d != "" {
		t.Error(d)
	}
}

// groups are the current group of an Ingress and those that its finalizers name, explicit ones first.
func groups(v *objects.View, cfg Config, ing *networkingv1.Ingress) []stack.ID {
	out := naming.StacksOfFinalizers(stack.Ingress, ing)
	if id, ok, _ := GroupOf(v, cfg, ing); ok {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b stack.ID) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return slices.Compact(out)
}

func TestAnIngressDependsOnItsClass(t *testing.T) {
	t.Parallel()
	objs := golden.Input(t, "testdata/class-params", &struct{ Config Config }{})
	v := objects.FromObjects(objs)
	ing, _ := v.Fork().Ingress("dev", "app")
	if d := cmp.Diff([]stack.ID{{Name: "team"}}, groups(v, defaults(), ing)); d != "" {
		t.Error(d)
	}
	want := []objects.Read{
		{Kind: objects.IngressClass, Name: "enforced"},
		{Kind: objects.IngressClassParams, Names: objects.Ref{Kind: objects.Group, Name: "team"}},
		{Kind: objects.IngressClassParams, Name: "enforced"},
		{Kind: objects.Namespace, Names: objects.Ref{Kind: "label of a Namespace", Namespace: "dev"}},
		{Kind: objects.Namespace, Names: objects.Ref{Kind: "label of a Namespace", Namespace: "dev", Name: "env"}},
	}
	if d := cmp.Diff(want, v.Reads()); d != "" {
		t.Error(d)
	}
}

func TestADeletingIngressIsNobodys(t *testing.T) {
	t.Parallel()
	ing := &networkingv1.Ingress{}
	ing.DeletionTimestamp = &ing.CreationTimestamp
	class, d := Classify(objects.New(objects.Snapshot{}), Config{}, ing)
	if d != nil || class.Managed {
		t.Error(class, d)
	}
}
