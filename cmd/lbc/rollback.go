package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/lbc/rollback"
)

const rollbackHelp = `List what would change if you go back to the AWS Load Balancer Controller v3.5 (the existing
controller):

- objects with errors, which the existing controller serves in another way, or not at all;
- features in use that the existing controller lacks: annotations, fields, finalizers and flags.

For each object and feature, the list says what the existing controller does, what to do before you
go back, and the command, if there is one. docs/tasks/going-back.md has the table of all
features and the order of the steps.

The list begins with objects that would lose a protection, such as a login or source ranges (effect
exposed). Objects follow that would lose requests or edits (effect unavailable), and objects whose
deletion would hang. The list ends with the first writes to rules in AWS: the existing controller
renumbers the rules of listeners. Requests get the same answers as before.

The command reads AWS, because the errors of many objects depend on AWS. With files alone, the
command plans in the simulator's built-in account, and leaves out errors that depend on an account.

` + inputHelp + `

Exit status: 0 nothing needs attention; 1 lbc failed, could not read AWS, or does not know the flags
of the controller; 2 a file cannot be read; 4 objects or flags need attention.`

const rollbackExample = `  lbc rollback-check -A
  lbc rollback-check -n shop -o json

  # Manifests, without a cluster
  lbc rollback-check -f deploy/`

// rollbackDocument is the output of -o json and -o yaml. Its lists are never null.
type rollbackDocument struct {
	// ServedOtherwise are objects that the existing controller serves otherwise, those that lose a protection first.
	ServedOtherwise []servedOtherwise `json:"servedOtherwise"`

	Uses   []additionUse   `json:"uses"`
	Flags  []additionFlag  `json:"flags"`
	Writes []rollbackWrite `json:"writes"`
	// LoadBalancers counts the LoadBalancer objects that nobody writes any longer.
	LoadBalancers int `json:"loadBalancers"`
	// Attention counts the objects that are served otherwise, and the uses and flags with effect changed or stuck.
	Attention int      `json:"attention"`
	Unread    []string `json:"unread,omitempty"`
}

// additionUse is an addition that an object uses.
type additionUse struct {
	Kind      string          `json:"kind"`
	Namespace string          `json:"namespace,omitempty"`
	Name      string          `json:"name"`
	File      string          `json:"file,omitempty"`
	Field     string          `json:"field"`
	Value     string          `json:"value,omitempty"`
	Effect    addition.Effect `json:"effect"`
	After     string          `json:"after"`
	Before    string          `json:"before,omitempty"`
	Command   string          `json:"command,omitempty"`
}

// additionFlag is a flag or feature gate that the controller runs with.
type additionFlag struct {
	Flag   string          `json:"flag"`
	Effect addition.Effect `json:"effect"`
	After  string          `json:"after"`
	Before string          `json:"before"`
}

// rollbackWrite is what the existing controller writes to AWS at its start.
type rollbackWrite struct {
	Stack string `json:"stack"`
	What  string `json:"what"`
}

type rollbackOptions struct {
	inputs
	outputs
	acceptUnavailable bool
}

func rollbackCommand() *cobra.Command {
	var o rollbackOptions
	cmd := &cobra.Command{
		Use:     "rollback-check [FILE]...",
		Short:   "List what the existing controller serves in another way, or lacks",
		Long:    rollbackHelp,
		Example: rollbackExample,
		Args:    cobra.ArbitraryArgs,
		RunE:    o.withFiles(o.run),
	}
	o.inputs.flags(cmd)
	o.outputs.flags(cmd, "text", "json", "yaml")
	o.allFlag(cmd)
	cmd.Flags().BoolVar(&o.acceptUnavailable, "accept-unavailable", false,
		"list objects with effect unavailable, but do not count them for the exit status")
	return cmd
}

func (o *rollbackOptions) run(ctx context.Context, out, errOut io.Writer, in io.Reader) error {
	if err := o.validate(); err != nil {
		return err
	}
	src, err := o.objects(ctx, errOut, in)
	if err != nil {
		return err
	}
	leftOut := src.sayBroken(errOut)
	d := rollbackDocument{ServedOtherwise: []servedOtherwise{}, Uses: []additionUse{}, Flags: o.additionFlags(),
		Writes: []rollbackWrite{}}
	if err := o.uses(src, errOut, &d); err != nil {
		return err
	}
	awsUnread := o.plansOf(ctx, src, errOut, &d)
	d.Attention = d.attention(o.acceptUnavailable)
	if o.flagsUnread != nil {
		d.Unread = append(d.Unread, fmt.Sprintf("flags of the controller: %v", o.flagsUnread))
	}
	o.statusObjects(ctx, src, &d)
	if o.format == "text" {
		_, err = io.WriteString(out, d.text())
	} else {
		err = o.encode(out, rollbackKind, d)
	}
	switch {
	case err != nil:
		return err
	case leftOut:
		return exitInvalid
	case d.Attention > 0:
		return exitWarnings
	case o.flagsUnread != nil:
		return errors.New("it is not known which flags the controller runs with; set them in the environment variable " +
			flagsVariable)
	case awsUnread != nil:
		return fmt.Errorf("it is not known which objects the AWS Load Balancer Controller serves in another way: %w",
			awsUnread)
	}
	return nil
}

// progressAt is after how many objects a line says how far the command is.
const progressAt = 500

// uses adds the additions that objects use, those that hang first.
func (o *rollbackOptions) uses(src *source, errOut io.Writer, d *rollbackDocument) error {
	all := o.selected(src)
	for i, p := range all {
		if i > 0 && i%progressAt == 0 {
			fmt.Fprintf(errOut, "lbc: looked at %d of %d objects\n", i, len(all))
		}
		used, err := o.usesOf(src, p)
		if err != nil {
			return err
		}
		d.Uses = append(d.Uses, used...)
	}
	rank := map[addition.Effect]int{addition.Stuck: 0, addition.Changed: 1, addition.Ignored: 2}
	slices.SortStableFunc(d.Uses, func(a, b additionUse) int { return rank[a.Effect] - rank[b.Effect] })
	return nil
}

// attention counts the objects that are served otherwise, and the uses and flags that change something or hang.
func (d *rollbackDocument) attention(acceptUnavailable bool) int {
	n := d.additions()
	for i := range d.ServedOtherwise {
		if !acceptUnavailable || d.ServedOtherwise[i].Effect != rollback.Unavailable {
			n++
		}
	}
	return n
}

// additions counts the uses and flags that change something or hang.
func (d *rollbackDocument) additions() (n int) {
	for i := range d.Uses {
		if d.Uses[i].Effect != addition.Ignored {
			n++
		}
	}
	for _, f := range d.Flags {
		if f.Effect != addition.Ignored {
			n++
		}
	}
	return n
}

// selected are the objects to look at, in a fixed order: those of the files, else those of the cluster. Objects without
// a namespace belong to all.
func (o *rollbackOptions) selected(src *source) []placed {
	if len(o.files) > 0 {
		return src.fromFiles
	}
	var all []placed
	for _, kind := range slices.Sorted(maps.Keys(src.snapshot.Snapshot)) {
		for _, x := range src.snapshot.List(kind, "") {
			other := x.GetNamespace() != "" && x.GetNamespace() != o.namespace || kind == objects.Namespace &&
				x.GetName() != o.namespace
			if !o.limited() || !other {
				all = append(all, placed{object: x})
			}
		}
	}
	return all
}

// usesOf are the additions of one object.
func (o *rollbackOptions) usesOf(src *source, p placed) (out []additionUse, err error) {
	kind, _ := objects.KindOf(p.object)
	tree, err := addition.Tree(p.object, string(kind))
	if err != nil {
		return nil, err
	}
	found := addition.Of(tree)
	if class, ok := addition.ClassOfGateway(tree); ok {
		v := objects.New(src.reader)
		if !settings.GatewayConfig(&o.config).ManagesNamed(v, class) {
			found = addition.WithoutFields(found)
		} else if c, ok := objects.Lookup[*gatewayv1.GatewayClass](v, objects.GatewayClass, "", class); ok {
			found = append(found, unknownClass(c, "spec.gatewayClassName", class)...)
		}
	}
	if g, ok := p.object.(*gatewayv1.Gateway); ok {
		found = append(found, o.secrets(objects.New(src.reader), g)...)
	}
	if c, ok := p.object.(*gatewayv1.GatewayClass); ok && settings.GatewayConfig(&o.config).Manages(c) {
		found = append(addition.WithoutFields(found), unknownClass(c, "spec.controllerName",
			string(c.Spec.ControllerName))...)
	}
	for _, u := range found {
		out = append(out, additionUse{
			Kind: string(kind), Namespace: p.object.GetNamespace(), Name: p.object.GetName(), File: p.file, Field: u.Field,
			Value:  u.Value,
			Effect: u.Row.Effect, After: u.Row.After, Before: u.Row.Before,
			Command: commandFor(u.Row, resourceOf(kind), p.object),
		})
	}
	return out, nil
}

// unknownClass is the use of a class whose controller name the existing controller does not have.
func unknownClass(c *gatewayv1.GatewayClass, field, value string) []addition.Use {
	if c.Spec.ControllerName == "gateway.k8s.aws/alb" || c.Spec.ControllerName == "gateway.k8s.aws/nlb" {
		return nil
	}
	return []addition.Use{{Row: addition.RowOf("GatewayClass", "spec.controllerName"), Field: field, Value: value}}
}

// secrets are the listeners of a Gateway whose certificates are those of Secrets.
func (o *rollbackOptions) secrets(v *objects.View, g *gatewayv1.Gateway) (out []addition.Use) {
	key, _, ok := offline.KeyOf(v, &o.config, g)
	if !ok {
		return nil
	}
	loaded := gateway.Load(v, settings.GatewayConfig(&o.config), key)
	for _, l := range loaded.OfSecrets() {
		field := fmt.Sprintf("spec.listeners[%d].tls.certificateRefs", l.Index)
		if string(l.Parent.Kind) != string(objects.Gateway) {
			field += fmt.Sprintf(" of %s %s/%s", l.Parent.Kind, l.Parent.Namespace, l.Parent.Name)
		}
		out = append(out, addition.Use{Row: addition.RowOf("Gateway", addition.CertificateRefs), Field: field})
	}
	return out
}

// commandFor is the command that does what is to be done before, for one object; empty if there is none.
func commandFor(r addition.Row, resource string, o metav1.Object) string {
	if r.Command == "" {
		return ""
	}
	fill := strings.NewReplacer("KIND", resource, "NAMESPACE", o.GetNamespace(), "NAME", o.GetName())
	return strings.ReplaceAll(fill.Replace(r.Command), " -n  ", " ") // of objects without a namespace
}

// resourceOf is the kind as kubectl takes it, with its group where others have such a kind.
func resourceOf(kind objects.Kind) string {
	name := strings.ToLower(string(kind))
	if g := objects.GroupOf(kind); g != "-" && g != "" {
		return schema.GroupResource{Group: g, Resource: name}.String()
	}
	return name
}

// additionFlags are the flags and gates of the controller that the existing one does not have. A flag with its default
// value has no effect, but the existing controller does not start with it either.
func (o *rollbackOptions) additionFlags() []additionFlag {
	out := []additionFlag{}
	for _, r := range addition.Table() {
		switch f := o.commandLine.Lookup(r.Name); {
		case r.Sort == addition.Flag && f != nil && f.Value.String() != f.DefValue:
			out = append(out, additionFlag{"--" + r.Name, r.Effect, r.After, r.Before})
		case r.Sort == addition.Flag && f != nil && f.Changed:
			out = append(out, additionFlag{"--" + r.Name, addition.Ignored, "Nothing: it has its default value.", r.Before})
		case r.Sort == addition.Gate && strings.Contains(o.config.Gates.String(), r.Name+"="):
			out = append(out, additionFlag{"--feature-gates=" + r.Name, r.Effect, r.After, r.Before})
		}
	}
	return out
}

// statusObjects counts the LoadBalancer objects of the cluster.
func (o *rollbackOptions) statusObjects(ctx context.Context, src *source, d *rollbackDocument) {
	if src.kube == nil {
		return
	}
	list := &v1alpha1.LoadBalancerList{}
	if err := src.kube.List(ctx, list); err != nil {
		d.Unread = append(d.Unread, fmt.Sprintf("LoadBalancer objects: %v", err))
		return
	}
	d.LoadBalancers = len(list.Items)
}

// plansOf adds what depends on plans: the objects that are served otherwise, and the first writes to rules. Additions
// are known without AWS, so a failure is a line of the answer.
func (o *rollbackOptions) plansOf(ctx context.Context, src *source, errOut io.Writer, d *rollbackDocument) error {
	failed := func(err error) error {
		d.Unread = append(d.Unread, fmt.Sprintf("AWS: %v", err))
		return err
	}
	if err := o.connected(ctx, src); err != nil {
		return failed(err)
	}
	defer src.close()
	if !src.builtIn {
		fmt.Fprintln(errOut, "lbc: reading the load balancers from AWS")
	}
	all, err := (&planOptions{inputs: o.inputs}).everything(ctx, src)
	if err != nil {
		return failed(err)
	}
	if d.ServedOtherwise, err = o.servedOtherwise(ctx, src, all); err != nil {
		return failed(err)
	}
	if !src.builtIn { // which holds no load balancers
		d.writes(all.Stacks)
	}
	return nil
}

// writes adds what the existing controller writes to the rules of load balancers at its start.
func (d *rollbackDocument) writes(stacks []offline.Result) {
	for _, r := range stacks {
		priorities, tags := map[string][]int32{}, map[string]map[int32]string{}
		for _, rule := range r.Observed.Rules {
			listener := rule.Listener.ID + rule.Listener.Literal
			priorities[listener] = append(priorities[listener], rule.Priority)
			if tags[listener] == nil {
				tags[listener] = map[int32]string{}
			}
			tags[listener][rule.Priority] = rule.Tags[naming.ResourceTag(r.Key.Owner)]
		}
		if n := len(rollback.Renumbered(priorities)); n > 0 {
			d.Writes = append(d.Writes, rollbackWrite{r.Key.String(), fmt.Sprintf("SetRulePriorities and AddTags: the existing "+
				"controller renumbers the rules of %d of the stack's listeners from 1; requests get the same answers as before",
				n)})
		} else if n := len(rollback.Retagged(tags)); n > 0 {
			d.Writes = append(d.Writes, rollbackWrite{r.Key.String(), fmt.Sprintf("AddTags: the existing controller writes "+
				"the numbers of rules into tags, for %d of the stack's listeners; requests get the same answers as before", n)})
		}
	}
}

func (d *rollbackDocument) text() string {
	var b strings.Builder
	for i := range d.ServedOtherwise {
		b.WriteString(d.ServedOtherwise[i].text())
	}
	for _, u := range d.Uses {
		fmt.Fprintf(&b, "%s %s", strings.ToLower(u.Kind), strings.TrimPrefix(u.Namespace+"/"+u.Name, "/"))
		if u.File != "" {
			fmt.Fprintf(&b, " (%s)", u.File)
		}
		fmt.Fprintf(&b, "\n  uses    %s", u.Field)
		if u.Value != "" {
			fmt.Fprintf(&b, ": %s", u.Value)
		}
		fmt.Fprintf(&b, "\n  effect  %s\n  after   %s\n", u.Effect, u.After)
		for _, line := range []struct{ name, text string }{{"before", u.Before}, {"run", u.Command}} {
			if line.text != "" {
				fmt.Fprintf(&b, "  %-7s %s\n", line.name, line.text)
			}
		}
		b.WriteString("\n")
	}
	for _, f := range d.Flags {
		fmt.Fprintf(&b, "flag %s\n  effect  %s\n  after   %s\n  before  %s\n\n", f.Flag, f.Effect, f.After, f.Before)
	}
	for _, w := range d.Writes {
		fmt.Fprintf(&b, "%s\n  writes  %s\n\n", w.Stack, w.What)
	}
	if d.LoadBalancers > 0 {
		fmt.Fprintf(&b, "%d LoadBalancer objects: nobody updates them any more. Delete them once this controller has "+
			"stopped: kubectl delete lb -A --all\n\n", d.LoadBalancers)
	}
	for _, u := range d.Unread {
		fmt.Fprintf(&b, "not read: %s\n", u)
	}
	switch {
	case d.summary() != "":
		b.WriteString(d.summary())
	case len(d.Unread) > 0:
		b.WriteString("what was read needs no attention before the AWS Load Balancer Controller is put back\n")
	default:
		b.WriteString("no object needs attention before the AWS Load Balancer Controller is put back\n")
	}
	return b.String()
}
