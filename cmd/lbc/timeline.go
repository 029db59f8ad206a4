package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/history"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

const timelineHelp = `List what happened to an object and its load balancer, oldest first: edits and their managers, plans
and their steps, writes to AWS with their request ids, registered and deregistered targets,
certificates, drift, changes of leaders, holds, events, and changes of conditions.

The list has two sources:

  - The API server knows the last write of each manager, the events of the last hour, and the status
    of the LoadBalancer object. lbc reads them with the rights of the user.
  - The leader records its actions for at most seven days and in at most 8 KiB for each load
    balancer. The record is in ConfigMaps of the controller's namespace. Only administrators can
    read it, because it names objects of all namespaces. Without that right, or without a record,
    lbc says so and lists the rest.

The controller writes the record with the next plan that changes AWS, at the latest after a minute.
lbc does not call AWS.`

type timelineOptions struct {
	inputs
	outputs
	since time.Duration
}

// timelineDocument is the output of -o json and -o yaml. Its list is never null.
type timelineDocument struct {
	Object  string           `json:"object"`
	Since   time.Time        `json:"since"`
	Entries []timeline.Entry `json:"entries"`
	// Unread is what could not be read, so that the list may lack entries.
	Unread []string `json:"unread,omitempty"`
}

func timelineCommand() *cobra.Command {
	var o timelineOptions
	cmd := &cobra.Command{
		Use:     "timeline KIND/NAME",
		Short:   "List what happened to an object and its load balancer",
		Long:    timelineHelp,
		Example: "  lbc timeline ingress/shop -n web\n  lbc timeline lb/group-front -n web --since 12h -o json",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			w := waitOptions{inputs: o.inputs}
			return w.complete(cmd, args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.namespace, "namespace", "n", "", "namespace of the object; default: the namespace of the context")
	f.DurationVar(&o.since, "since", 2*time.Hour, "how far back to look")
	o.reach.flags(f)
	o.command, o.commandLine = cmd, f
	controllerFlags(f, &o.config, map[string]string{
		"kubeconfig":                "cluster of the object; default: $KUBECONFIG, ~/.kube/config",
		"leader-election-namespace": "namespace of the controller; default: from the LoadBalancer object",
	})
	_ = cmd.RegisterFlagCompletionFunc("namespace", o.completeNamespaces)
	_ = cmd.RegisterFlagCompletionFunc("context", o.completeContexts)
	o.outputs.flags(cmd, "text", "json", "yaml")
	return cmd
}

func (o *timelineOptions) run(ctx context.Context, args []string, out, errOut io.Writer) error {
	if o.since <= 0 {
		return fmt.Errorf("--since %s: must be more than 0", o.since)
	}
	if err := o.validate(); err != nil {
		return err
	}
	kind, name, k, err := o.target(args)
	if err != nil {
		return err
	}
	t := newTimelineReader(newWaiter(k, &o.config, kind, name, waitOptions{goal: forCurrent}))
	return o.show(ctx, t, time.Now(), out, errOut)
}

// show prints the list.
func (o *timelineOptions) show(ctx context.Context, t *timelineReader, now time.Time, out, errOut io.Writer) error {
	if err := t.collect(ctx); err != nil {
		return err
	}
	d := timelineDocument{Object: t.String(), Since: now.Add(-o.since).UTC().Truncate(time.Second), Unread: t.unread}
	if t.begins.After(d.Since) {
		d.Unread = append(d.Unread, "the record of the controller begins at "+t.begins.UTC().Format(time.RFC3339)+
			": it had no room for what happened before")
	}
	if d.Entries = history.Since(t.entries, d.Since); o.format != "text" {
		return o.encode(out, timelineKind, d)
	}
	for _, text := range d.Unread {
		fmt.Fprintf(errOut, "lbc: warning: %s\n", text)
	}
	if len(d.Entries) == 0 {
		_, err := fmt.Fprintf(out, "No changes of %s are known since %s.%s\n", d.Object,
			d.Since.Format(time.RFC3339), before(t.entries, now))
		return err
	}
	_, err := io.WriteString(out, history.Text(d.Entries))
	return err
}

// before tells of the newest of entries that are older than what was asked for.
func before(all []timeline.Entry, now time.Time) string {
	if len(all) == 0 {
		return ""
	}
	newest := history.Since(all, time.Time{})
	at := newest[len(newest)-1].Time
	return fmt.Sprintf(" The last entry is of %s: --since %dh shows it.", at.UTC().Format(time.RFC3339),
		int(now.Sub(at).Hours())+1)
}

// timelineReader collects what is known of an object and of its load balancer.
type timelineReader struct {
	*waiter
	found      bool // the object exists, or did by the record
	shown      []v1alpha1.LoadBalancer
	namespaces map[string]bool // of objects
	objects    map[string]bool // whose events are listed, by name
	units      map[string]bool // of the record
	entries    []timeline.Entry
	unread     []string
	begins     time.Time // since when the record has everything
}

func newTimelineReader(w *waiter) *timelineReader {
	return &timelineReader{waiter: w, namespaces: map[string]bool{}, objects: map[string]bool{}, units: map[string]bool{}}
}

func (t *timelineReader) collect(ctx context.Context) error {
	t.objects[t.String()] = true // events outlive their object
	if err := t.edits(ctx, t.kind, t.name); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading %s: %w", t, err)
	}
	all, err := t.loadBalancers(ctx)
	if err != nil {
		t.unread = append(t.unread, "LoadBalancer objects cannot be read: "+err.Error())
	}
	for i := range all {
		if t.shows(&all[i]) {
			t.shown = append(t.shown, all[i])
		}
	}
	t.nameUnits()
	recorded := t.record(ctx)
	for i := range t.shown {
		lb := &t.shown[i]
		t.objects[titleOf(v1alpha1.ObjectReference{Kind: string(loadBalancerKind), Namespace: lb.Namespace, Name: lb.Name})] =
			true
		t.entries = append(t.entries, history.Status(lb, recorded)...)
		for _, m := range slices.Concat(lb.Status.Members, lb.Status.Parts) {
			if key := (client.ObjectKey{Namespace: m.Namespace, Name: m.Name}); key != t.name || m.Kind != string(t.kind) {
				err := t.edits(ctx, objects.Kind(m.Kind), key)
				t.lacks("edits of "+titleOf(m.ObjectReference), err)
			}
		}
	}
	t.events(ctx)
	if !t.found {
		before := "no record of it was found"
		if len(t.unread) > 0 {
			before = "whether it did is not known"
		}
		return errors.Join(append([]error{fmt.Errorf("%s does not exist, and %s; check its name, or choose its namespace "+
			"with -n", t, before)}, asErrors(t.unread)...)...)
	}
	return nil
}

func asErrors(texts []string) (out []error) {
	for _, text := range texts {
		out = append(out, errors.New(text))
	}
	return out
}

// edits adds who wrote an object.
func (t *timelineReader) edits(ctx context.Context, kind objects.Kind, key client.ObjectKey) error {
	o, err := t.read(ctx, kind, key)
	if err != nil {
		return err
	}
	title := titleOf(referenceTo(kind, o))
	t.found, t.objects[title], t.namespaces[key.Namespace] = true, true, true
	t.entries = append(t.entries, history.Edits(title, o)...)
	return nil
}

// shows reports whether a LoadBalancer object is that of the object, or itself the object.
func (t *timelineReader) shows(lb *v1alpha1.LoadBalancer) bool {
	if t.kind == loadBalancerKind {
		return lb.Namespace == t.name.Namespace && lb.Name == t.name.Name
	}
	me := v1alpha1.ObjectReference{Kind: string(t.kind), Namespace: t.name.Namespace, Name: t.name.Name}
	return reporting.MemberOf(slices.Concat(lb.Status.Members, lb.Status.Parts), me) != nil
}

// nameUnits names the stacks in the record. An object that is gone has no LoadBalancer object: its own stack, outside
// of a group, has its name.
func (t *timelineReader) nameUnits() {
	for i := range t.shown {
		if key, ok := reporting.KeyOf(&t.shown[i]); ok {
			t.units[key.String()] = true
		}
	}
	id := stack.ID{Namespace: t.name.Namespace, Name: t.name.Name}
	if t.kind == objects.TargetGroupBinding {
		t.units[registrar.TargetCalls(id).String()] = true
	}
	if t.kind == objects.GlobalAccelerator {
		t.units[stack.Key{Owner: accelerator.Owner, ID: id}.String()] = true
		return
	}
	t.units[sgsync.Key.String()] = true
	for _, k := range owner.Kinds {
		if k.Kind == string(t.kind) && len(t.shown) == 0 {
			t.units[stack.Key{Owner: k.Owner, ID: id}.String()] = true
		}
	}
}

// record adds what the leader recorded, and reports whether there is anything of the load balancer.
func (t *timelineReader) record(ctx context.Context) (ok bool) {
	at, known := t.attended.lease()
	if t.attended.written == "" || !known { // there is no LoadBalancer object that names it
		var err error
		if at, err = elected(ctx, t.kube, t.config.LeaderElectionNamespace); err != nil {
			t.unread = append(t.unread, "plans, calls and targets are missing: "+err.Error())
			return false
		}
	}
	t.leadership(ctx, at)
	at.Name = checkpoint.NameOf(at.Name)
	all, err := checkpoint.Peek(ctx, t.kube, at, checkpoint.History)
	switch {
	case err != nil:
		t.unread = append(t.unread, "plans, calls and targets are missing: the record of the controller cannot be read, "+
			"for which you need to get ConfigMaps in namespace "+at.Namespace+": "+err.Error())
		return false
	case len(all) == 0:
		t.unread = append(t.unread, "plans, calls and targets are missing: the controller keeps no record in namespace "+
			at.Namespace+
			". It runs with --enable-checkpoints=false, may not write ConfigMaps there, or has run for less than a minute; "+
			"its log says which")
		return false
	}
	t.bindings(ctx)
	for unit, text := range all {
		// a member of a group that is gone
		if len(t.shown) == 0 && strings.Contains(string(text), fmt.Sprintf("%q", t.String())) {
			t.units[unit] = true
		}
	}
	for unit := range t.units {
		ok = t.tell(unit, all[unit]) || ok
	}
	t.found = t.found || ok
	if !ok { // there was no room, or nothing was done
		var r timeline.Record
		_ = json.Unmarshal(all[timeline.LeaderUnit], &r)
		t.begins = r.From
	}
	t.tell(timeline.LeaderUnit, all[timeline.LeaderUnit])
	t.holds(ctx, at.Namespace)
	return ok
}

// tell adds what was recorded of a unit.
func (t *timelineReader) tell(unit string, text json.RawMessage) bool {
	var r timeline.Record
	if text == nil || json.Unmarshal(text, &r) != nil {
		return false
	}
	key, err := stack.ParseKey(unit)
	for _, e := range r.Entries {
		if e.Kind == timeline.Hold && !t.concerned(e.Object) {
			continue
		}
		if err == nil {
			e.Object = cmp.Or(e.Object, key.ID.String())
		}
		e.By = cmp.Or(e.By, "controller")
		t.entries = append(t.entries, e)
	}
	if unit != timeline.LeaderUnit && r.From.After(t.begins) {
		t.begins = r.From
	}
	return unit != timeline.LeaderUnit && unit != sgsync.Key.String() && len(r.Entries) > 0
}

// concerned reports whether a hold of a scope concerns the load balancer.
func (t *timelineReader) concerned(scope string) bool {
	if scope == (hold.Scope{}).String() {
		return true
	}
	members := []v1alpha1.ObjectReference{{Kind: string(t.kind), Namespace: t.name.Namespace, Name: t.name.Name}}
	for i := range t.shown {
		for _, m := range t.shown[i].Status.Members {
			members = append(members, m.ObjectReference)
		}
	}
	return slices.ContainsFunc(members, func(m v1alpha1.ObjectReference) bool {
		return scope == (hold.Scope{Namespace: m.Namespace}).String() ||
			scope == (hold.Scope{Kind: strings.ToLower(m.Kind), Namespace: m.Namespace, Name: m.Name}).String()
	})
}

// bindings adds the units of the bindings whose target groups the load balancer has: targets are recorded by binding.
func (t *timelineReader) bindings(ctx context.Context) {
	arns, namespaces := map[string]bool{}, map[string]bool{}
	for i := range t.shown {
		for _, g := range t.shown[i].Status.TargetGroups {
			arns[g.ARN] = true
		}
		for _, m := range slices.Concat(t.shown[i].Status.Members, t.shown[i].Status.Parts) {
			namespaces[m.Namespace] = true
		}
	}
	for ns := range namespaces {
		var list v1beta1.TargetGroupBindingList
		if err := t.kube.List(ctx, &list, client.InNamespace(ns)); err != nil {
			t.unread = append(t.unread, "targets are missing: TargetGroupBindings of namespace "+ns+" cannot be read: "+
				err.Error())
			continue
		}
		for i := range list.Items {
			if b := &list.Items[i]; arns[b.Spec.TargetGroupARN] {
				t.units[registrar.TargetCalls(stack.ID{Namespace: b.Namespace, Name: b.Name}).String()] = true
				t.objects[titleOf(referenceTo(objects.TargetGroupBinding, b))] = true
			}
		}
	}
}

// holds adds the holds that concern the load balancer.
func (t *timelineReader) holds(ctx context.Context, namespace string) {
	m := &corev1.ConfigMap{}
	t.lacks("holds", t.kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: hold.ConfigMap}, m))
	all, _ := hold.Parse(m.Data)
	for _, h := range all {
		if !h.Since.IsZero() && t.concerned(h.Scope.String()) {
			t.entries = append(t.entries, timeline.Held(h))
		}
	}
}

// events adds the events of the objects.
func (t *timelineReader) events(ctx context.Context) {
	t.namespaces[t.name.Namespace] = true
	for ns := range t.namespaces {
		var list corev1.EventList
		if err := t.kube.List(ctx, &list, client.InNamespace(ns)); err != nil {
			t.unread = append(t.unread, "events of namespace "+ns+" cannot be read: "+err.Error())
			continue
		}
		t.entries = append(t.entries, history.Events(list.Items, t.objects)...)
	}
}

// leadership adds the last change of leaders.
func (t *timelineReader) leadership(ctx context.Context, key client.ObjectKey) {
	l := &coordinationv1.Lease{}
	err := t.kube.Get(ctx, key, l)
	if t.lacks("changes of leaders", err); err == nil {
		t.entries = append(t.entries, history.Leadership(l)...)
	}
}

// lacks notes that a read failed; what does not exist is not missing.
func (t *timelineReader) lacks(what string, err error) {
	if client.IgnoreNotFound(err) != nil {
		t.unread = append(t.unread, what+" are missing: "+err.Error())
	}
}
