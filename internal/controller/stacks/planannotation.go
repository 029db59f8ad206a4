package stacks

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// annotationLimit is how many bytes Kubernetes allows for all annotations of an object, keys and values together.
const annotationLimit = 256 << 10

// planKeys are the annotations that carry plans.
func planKeys(k owner.DryRun) []string { return []string{string(k.Plan), string(k.Packed)} }

// showsPlan reports whether an annotation of an object of any kind carries a plan.
func showsPlan(key string) bool {
	return slices.ContainsFunc(owner.Kinds, func(k owner.Kind) bool { return slices.Contains(planKeys(k.DryRun), key) })
}

// dryRun shows what the controller would do if the objects under dry run were deployed: an annotation has the stack,
// and an event counts the steps. It writes nothing to AWS, and returns what the plan is made of; nil = there is no
// plan.
func (s *Reconciler) dryRun(ctx context.Context, key stack.Key, w front.Input) (*basis, error) {
	before := s.MemoryOf(key)
	r := w.DryRun
	kind := owner.Of(key.Owner)
	c, _, err := s.compiler().Compile(ctx, key, r.Input(), before)
	if err != nil {
		return nil, fmt.Errorf("dry run of %s: %w", key, err)
	}
	outcome := "it cannot be built"
	var shown diag.List
	var deployable *basis
	if c.Stack == nil {
		for _, o := range r.Objects {
			s.writePlan(ctx, o, nil)
		}
	} else {
		observed, err := s.observe(ctx, key, c.Stack, w)
		if err != nil {
			return nil, fmt.Errorf("dry run of %s: %w", key, err)
		}
		deployable = &basis{key: key, input: r.Input(), compiled: c, observed: observed}
		p := diff.Stack(c.Stack, c.Keep, observed.Clone(), s.Options).Under(s.delayCertificates(key, c.Stack))
		outcome = "deploying it would change nothing"
		if !p.Empty() {
			outcome = "deploying it means " + p.Summary().String()
		} else if !r.Removed && len(c.Keep.Resources) == 0 {
			s.rememberDeployed(key, r.Objects, c.Memory)
		}
		for _, o := range r.Objects {
			if !r.Removed { // the object may declare another load balancer, whose plan it shows
				plan := planFor(o.GetNamespace(), c, declaring(w), w.LoadBalancer.Deciders)
				shown = append(shown, s.writePlan(ctx, o, plan)...)
			}
		}
	}
	var found diag.List
	for _, o := range r.Objects {
		text := "dry run: nothing of this " + kind.Kind + " is deployed"
		if r.Deployed || slices.ContainsFunc(w.Members, func(m metav1.Object) bool {
			return owner.Object(m) == owner.Object(o)
		}) {
			text = "dry run: the deployed version of this " + kind.Kind + " stays as it is"
		}
		found = append(found, diag.New(owner.Object(o), kind.DryRun.Request.Path(), diag.DryRun, text+"; "+outcome,
			"see annotation dry-run-plan, or lbc plan; remove annotation dry-run to deploy it"))
		for _, d := range c.Diagnostics {
			if d.Object == owner.Object(o) {
				found = append(found, d)
			}
		}
	}
	found = append(found, shown...)
	s.Metrics.CountFindings(s.Front.Owner(), found)
	s.Reporter.Report(dryRunOf(key), reporting.Report{Waiting: objectsOf(r.Objects), Found: found})
	s.decideDryRun(key, w, append(c.Diagnostics, found...))
	return deployable, nil
}

// decideDryRun hands over the statuses of a Gateway of which nothing is deployed: the decisions about it, and that it
// is not programmed.
func (s *Reconciler) decideDryRun(key stack.Key, w front.Input, found diag.List) {
	if w.Decisions == nil || s.Decided == nil {
		return
	}
	o := gateway.Outcome{Ports: []int32{}, Found: found}
	o.Failed = &attachment.Problem{Reason: string(gatewayv1.GatewayReasonPending),
		Message: "Dry run: nothing is deployed until annotation " +
			string(owner.Of(key.Owner).DryRun.Request) + " is removed; the plan is in annotation " +
			string(owner.Of(key.Owner).DryRun.Plan) + "."}
	s.Decided(key, w.Decisions.Statuses(o))
}

// dryRunOf is the name of a stack's dry run in the reporter.
func dryRunOf(key stack.Key) string { return key.String() + " dry run" }

// rememberDeployed records the present version of objects under dry run as their deployed version, if the latter is
// not known since the start: to deploy them would change nothing. Then their group need not wait for them.
func (s *Reconciler) rememberDeployed(key stack.Key, under []metav1.Object, deployed *compile.Memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	memory := compile.Memory{}
	st := s.state(key)
	if before := st.memory; before != nil {
		memory = *before
	}
	good := maps.Clone(memory.Good)
	if good == nil {
		good = quarantine.Versions{}
	}
	for _, o := range under {
		m, ok := deployed.Good[owner.Object(o)]
		if _, known := good[owner.Object(o)]; ok && !known && !m.Diagnostics.HasErrors() {
			good[owner.Object(o)] = m
		}
	}
	memory.Good = good
	st.memory = &memory
}

// waitForOthers returns the finding, on members without mistakes of their own, why no stack is built.
func waitForOthers(w front.Input, found diag.List) diag.List {
	if w.DryRun != nil && !found.HasErrors() {
		return waitForDryRun(w)
	}
	var wrong []string
	for _, d := range found {
		if d.Code == diag.GroupWaits {
			return nil // compile has reported this on all members
		}
		if name := d.Object.String(); d.Class != diag.Note && !slices.Contains(wrong, name) {
			wrong = append(wrong, name)
		}
	}
	var out diag.List
	for _, m := range w.Members {
		if len(wrong) > 0 && !slices.Contains(wrong, owner.Object(m).String()) {
			out = append(out, diag.New(owner.Object(m), "", diag.GroupWaits,
				fmt.Sprintf("nothing of the group is built or changed until %s is corrected, because the controller does not "+
					"know its deployed version", strings.Join(wrong, ", ")),
				"correct what its events say, or take it out of the group"))
		}
	}
	return out
}

// waitForDryRun returns the finding on members that wait for a member under dry run, whose deployed version is not
// known since the controller restarted.
func waitForDryRun(w front.Input) diag.List {
	under := owner.Object(w.DryRun.Objects[0])
	var out diag.List
	for _, m := range w.Members {
		if owner.Object(m) != under {
			out = append(out, diag.New(owner.Object(m), "", diag.GroupWaits,
				fmt.Sprintf("nothing of the group is built or changed while %s is under dry run: its deployed version must stay, "+
					"and the controller has not seen that version since it started", under),
				"remove its annotation dry-run, or take it out of the group"))
		}
	}
	return out
}

// showPlan writes the stack into an annotation of the first active member, if the feature gate is on, and removes
// such annotations of earlier passes from other members. Members under dry run show their dry run instead.
func (s *Reconciler) showPlan(ctx context.Context, c compile.Result, w front.Input) diag.List {
	var found diag.List
	if _, n := naming.ShardOf(c.Stack.Key.ID); n > 0 { // the annotation shows only the group's first load balancer
		return nil
	}
	first := true
	for _, m := range w.Members {
		if w.DryRun != nil && slices.ContainsFunc(w.DryRun.Objects, func(o metav1.Object) bool {
			return owner.Object(o) == owner.Object(m)
		}) {
			continue
		}
		if s.AnnotatePlan && first {
			shown := planFor(m.GetNamespace(), c, declaring(w), w.LoadBalancer.Deciders)
			found = append(found, s.writePlan(ctx, m, shown)...)
			first = false
			continue
		}
		s.writePlan(ctx, m, nil)
	}
	return found
}

// writePlan writes a stack into an object's annotations; nil removes it. A failure is only logged, because the plan
// is only for reading.
func (s *Reconciler) writePlan(ctx context.Context, m metav1.Object, desired *stack.Stack) diag.List {
	o, ok := m.(client.Object)
	keys := owner.Of(s.Front.Owner()).DryRun
	if !ok || keys.Plan == "" {
		return nil
	}
	want, found, err := planAnnotations(o, keys, desired)
	if err == nil && !hasAnnotations(o, planKeys(keys), want) {
		_, err = objectwriter.Apply(ctx, s.Client, objectwriter.Write{Object: o, Part: objectwriter.Metadata,
			Change: func(o client.Object) bool {
				return annotate(o, planKeys(keys), want)
			}})
	}
	if err != nil {
		logf.FromContext(ctx).Error(err, "the plan is not written", "object", owner.Object(o).String())
	}
	return found
}

// planAnnotations returns the annotations that show a stack on an object: plain JSON; compressed JSON if the plain
// one does not fit; none if neither fits.
func planAnnotations(o metav1.Object, keys owner.DryRun, desired *stack.Stack) (map[string]string, diag.List, error) {
	if desired == nil {
		return nil, nil, nil
	}
	text, err := planjson.Marshal(naming.Untracked(desired))
	if err != nil {
		return nil, nil, err
	}
	room := annotationLimit
	for k, v := range o.GetAnnotations() {
		if !slices.Contains(planKeys(keys), k) {
			room -= len(k) + len(v)
		}
	}
	plain, packed := string(keys.Plan), string(keys.Packed)
	if len(plain)+len(text) <= room {
		return map[string]string{plain: string(text)}, nil, nil
	}
	short, err := compress(text)
	if err != nil {
		return nil, nil, err
	}
	d := diag.New(owner.Object(o), keys.Plan.Path(), diag.PlanTooLarge,
		fmt.Sprintf("the plan has %d bytes, and Kubernetes admits %d for all annotations of an object; the "+
			"compressed plan is in annotation %s instead", len(text), annotationLimit, packed),
		"decode it with base64 -d | gunzip, or use lbc plan")
	if len(packed)+len(short) > room {
		d.Text = fmt.Sprintf("the plan has %d bytes, %d when compressed, and does not fit into an annotation; "+
			"none is written", len(text), len(short))
		d.Remedy = "use lbc plan"
		return nil, diag.List{d}, nil
	}
	return map[string]string{packed: short}, diag.List{d}, nil
}

// compress returns gzip in base64; the same text gives the same result.
func compress(text []byte) (string, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := z.Write(text); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
