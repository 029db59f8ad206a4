// Package addition holds the table of what this controller has and the existing AWS Load Balancer Controller v3.5
// lacks: annotations, labels, fields, kinds, finalizers, flags and values. Each row says what happens to the addition
// if the existing controller returns, and what to do before. Admission under --existing-features-only, lbc
// rollback-check and docs/tasks/going-back.md use it.
package addition

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Sort says where an object, or a command line, has an addition.
type Sort string

// The sorts.
const (
	Annotation Sort = "annotation"
	Label      Sort = "label"
	Field      Sort = "field"
	Kind       Sort = "kind"
	Finalizer  Sort = "finalizer"
	Flag       Sort = "flag"
	Gate       Sort = "feature gate"
	Tag        Sort = "tag" // of resources in AWS
	Condition  Sort = "condition"
)

// Effect is what the existing controller does with an addition, in one word.
type Effect string

// The effects, from the least.
const (
	// Ignored additions do no harm: no load balancer changes and no object hangs.
	Ignored Effect = "ignored"
	// Changed: something in AWS changes at once or by a later edit, or a protection ends.
	Changed Effect = "changed"
	// Stuck: an object stays Terminating for ever once it is deleted.
	Stuck Effect = "stuck"
)

// Row is an addition.
type Row struct {
	Sort Sort
	// Name is the key of an annotation or label, the path of a field, the prefix of finalizers, or the name of a kind or
	// flag.
	Name string
	// On is the kind of objects that have it; empty = any.
	On string
	// Only are the values that are additions; none = all but those of Harmless, which mean the same as no value.
	Only, Harmless []string
	// Written additions are written by the controller itself, and never refused.
	Written bool
	// Recorded additions are written by the controller to objects that have no other value. A user who writes one is
	// refused.
	Recorded bool
	// Judged additions are those of which other objects decide whether they have an effect. Of and Added leave them out.
	Judged bool
	Effect Effect
	// After says what happens to the addition under the existing controller.
	After string
	// Before is what to do before the existing controller is put back; empty = nothing.
	Before string
	// Command does so for one object, with KIND, NAMESPACE and NAME in the place of its own; empty = there is none.
	Command string
}

// Use is an addition that an object uses.
type Use struct {
	Row   Row
	Field string // where in the object
	Value string // as JSON, without quotes; empty = the addition has no value
}

// Object is a Kubernetes object as a tree of JSON.
type Object map[string]any

// Tree returns an object as a tree of JSON. kind is set where the object does not name its own, as typed objects from a
// client.
func Tree(object any, kind string) (Object, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var out Object
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	if out["kind"] == nil {
		out["kind"] = kind
	}
	return out, nil
}

// Of lists the additions that an object uses, in the order of the table, but for those that are Judged.
func Of(o Object) []Use {
	kind, _ := o["kind"].(string)
	var out []Use
	for _, r := range rows {
		if r.On != "" && r.On != kind || r.Judged {
			continue
		}
		for _, u := range r.in(o) {
			if !slices.Contains(r.Harmless, u.Value) && (len(r.Only) == 0 || slices.Contains(r.Only, u.Value)) {
				out = append(out, u)
			}
		}
	}
	return out
}

// Added lists the additions that an edit adds to an object and that users write. old is nil at the creation of the
// object. Additions that the existing controller ignores without a trace are not included.
func Added(old, o Object) (out []Use) {
	had := map[string]int{}
	if old != nil {
		for _, u := range Of(old) {
			had[u.Row.id()]++
		}
	}
	for _, u := range Of(o) {
		recorded := u.Row.Recorded && old != nil && len(u.Row.in(old)) == 0
		if u.Row.Written || recorded || u.Row.Effect == Ignored {
			continue
		}
		if had[u.Row.id()]--; had[u.Row.id()] < 0 {
			out = append(out, u)
		}
	}
	return out
}

// FlagName is the flag that refuses additions at admission.
const FlagName = "existing-features-only"

// Text says that an object uses an addition although the flag is set.
func (u Use) Text() string { return u.Field + ": " + u.Missing() }

// Missing is Text without the field.
func (u Use) Missing() string {
	return fmt.Sprintf("the AWS Load Balancer Controller does not have this %s, and --%s forbids its use",
		u.Row.Sort, FlagName)
}

// Remedy is the way out of a refusal.
const Remedy = "remove it, or run this controller without --" + FlagName

// id identifies a row.
func (r Row) id() string { return r.On + " " + string(r.Sort) + " " + r.Name }

// in finds the places of an addition in an object.
func (r Row) in(o Object) (out []Use) {
	meta, _ := o["metadata"].(map[string]any)
	switch r.Sort {
	case Annotation, Label:
		held, _ := meta[string(r.Sort)+"s"].(map[string]any)
		if v, ok := held[r.Name].(string); ok {
			out = append(out, Use{r, fmt.Sprintf("metadata.%ss[%s]", r.Sort, r.Name), v})
		}
	case Finalizer:
		held, _ := meta["finalizers"].([]any)
		for i, f := range held {
			if name, ok := f.(string); ok && strings.HasPrefix(name, r.Name) {
				out = append(out, Use{r, fmt.Sprintf("metadata.finalizers[%d]", i), name})
			}
		}
	case Field:
		walk(map[string]any(o), strings.Split(r.Name, "."), "", func(field, value string) {
			out = append(out, Use{r, field, value})
		})
	case Kind:
		if kind, _ := o["kind"].(string); kind == r.Name {
			out = append(out, Use{r, "kind", ""})
		}
	case Flag, Gate, Tag, Condition: // which no object declares
	}
	return out
}

// Deleted reports whether an object is being deleted.
func Deleted(o Object) bool {
	meta, _ := o["metadata"].(map[string]any)
	return meta["deletionTimestamp"] != nil
}

// ClassOfGateway returns the class of a Gateway; ok is false for objects of other kinds.
func ClassOfGateway(o Object) (class string, ok bool) {
	if o["kind"] != "Gateway" {
		return "", false
	}
	spec, _ := o["spec"].(map[string]any)
	class, _ = spec["gatewayClassName"].(string)
	return class, true
}

// WithoutFields returns the uses that are not of fields.
func WithoutFields(used []Use) []Use {
	return slices.DeleteFunc(used, func(u Use) bool { return u.Row.Sort == Field })
}

// walk finds the values of a path, whose names end in [] where they are lists. Zero values count as absent.
func walk(at any, path []string, field string, found func(field, value string)) {
	if len(path) == 0 {
		if text := text(at); text != "" {
			found(field, text)
		}
		return
	}
	name, isList := strings.CutSuffix(path[0], "[]")
	fields, _ := at.(map[string]any)
	field = strings.TrimPrefix(field+"."+name, ".")
	if !isList {
		walk(fields[name], path[1:], field, found)
		return
	}
	items, _ := fields[name].([]any)
	for i, item := range items {
		walk(item, path[1:], fmt.Sprintf("%s[%d]", field, i), found)
	}
}

// text is a value on one line; empty for zero values.
func text(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		if !x {
			return ""
		}
	case float64:
		if x == 0 {
			return ""
		}
	case map[string]any:
		if len(x) == 0 {
			return ""
		}
	case []any:
		if len(x) == 0 {
			return ""
		}
	}
	out, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(out)
}

// Table returns all rows.
func Table() []Row { return slices.Clone(rows) }

// RowOf is the row of an addition of a kind of objects.
func RowOf(on, name string) Row {
	return rows[slices.IndexFunc(rows, func(r Row) bool { return r.On == on && r.Name == name })]
}

// flags are the flags that the existing controller does not have, and the feature gates. It ends at its start with an
// unknown flag or gate: remove them from the Deployment in the same edit that changes the image. Helm does so where the
// chart's values set them.
func flags() (out []Row) {
	for _, f := range flagRows {
		out = append(out, Row{Sort: Flag, Name: f.name, Effect: f.effect, After: f.after, Before: "Remove --" + f.name +
			" in the same edit that changes the image: the existing controller does not start with an unknown flag."})
	}
	return append(out, Row{Sort: Gate, Name: "AutoGatewayAPI", Effect: Changed, After: "The existing controller does " +
		"not manage Gateways whose GatewayClass has controllerName gateway.k8s.aws/auto.",
		Before: "Remove the gate from --feature-gates in the same edit that changes the image: the existing controller " +
			"does not start with an unknown gate."})
}

// flagRows are the flags with what is without them.
var flagRows = []struct {
	name   string
	effect Effect
	after  string
}{
	{FlagName, Ignored, "The existing controller has no additions to refuse."},
	{"object-labels", Ignored, "Objects that this controller created keep the labels."},
	{"copied-labels", Ignored, "Objects that this controller created keep the labels."},
	{"strict-groups", Ignored, "The existing controller always stops a group with an invalid member."},
	{"default-ip-address-type", Changed,
		"Load balancers whose objects declare no IP address type become ipv4 again: declare the type on each object first."},
	{"deletion-brake", Changed, "Deletions have no limit."},
	{"deregistration-brake", Changed, "Deregistrations have no limit."},
	{"delete-orphans-after", Ignored, "Nothing changes: this controller accepts the flag, but ignores it."},
	{"assumable-roles", Changed, "TargetGroupBindings may name every role that the controller's role may assume."},
	{"existing-load-balancers", Changed, "Objects do not share or adopt load balancers of other owners."},
	{"bindable-target-groups", Changed, "TargetGroupBindings may name every target group."},
	{"binding-networking", Changed, "TargetGroupBindings may open any port to any source."},
	{"external-target-groups", Changed, "Rules and listeners may forward to every target group."},
	{"cross-namespace-target-groups", Changed, "Rules and listeners may forward to target groups of other namespaces, " +
		"and TargetGroupBindings may share these target groups."},
	{"endpoints-without-pods", Changed, "EndpointSlices may name any address as a target."},
	{"node-security-group", Changed,
		"The tags of security groups decide which security group gets the rules of nodes and pods: exactly one security " +
			"group of each network interface needs the cluster's tag."},
	{"max-rules-per-security-group", Ignored, "AWS refuses rules beyond the quota; rollback-check lists the load " +
		"balancers whose rules exceed it."},
	{"exclude-ip-targets-by-node-label", Changed, "Pods on nodes with the label " +
		"node.kubernetes.io/exclude-from-external-load-balancers are targets again."},
	{"enable-node-drain-condition", Ignored, "Nothing changes: this controller accepts the flag, but ignores it."},
	{"open-readiness-gates-after", Ignored, "The readiness gate of a pod stays False, and the pod does " +
		"not become ready, as long as its target group does not exist, has no load balancer, or does not contain the pod."},
	{"enable-tls-secret-import", Ignored, "Secrets are not imported; see the annotation import-tls-secrets."},
	{"trust-store-bucket", Ignored, "spec.tls.frontend of Gateways is not read."},
	{"trust-store-prefix", Ignored, "spec.tls.frontend of Gateways is not read."},
	{"alb-gateway-controller-name", Stuck,
		"If the flag sets another name than gateway.k8s.aws/alb, the existing controller does not manage Gateways whose " +
			"GatewayClass has this name as controllerName. If you delete such a Gateway, the Gateway stays Terminating."},
	{"nlb-gateway-controller-name", Stuck,
		"If the flag sets another name than gateway.k8s.aws/nlb, the existing controller does not manage Gateways whose " +
			"GatewayClass has this name as controllerName. If you delete such a Gateway, the Gateway stays Terminating."},
	{"auto-gateway-controller-name", Stuck, "The existing controller does not manage Gateways whose GatewayClass has " +
		"the flag's value as controllerName. If you delete such a Gateway, the Gateway stays Terminating."},
	{"enable-checkpoints", Ignored,
		"The ConfigMaps of the checkpoints stay, with the record for lbc timeline, and nobody " +
			"updates them."},
	{"drift-check-interval", Ignored, "Changes made by hand are found only at edits and at the resync."},
	{"drift-policy", Changed, "The existing controller undoes changes made in AWS by hand."},
	{"replacement-policy", Changed, "An edit that needs another load balancer replaces the existing load balancer."},
	{"publish-address", Ignored,
		"Objects show the address of a new load balancer once AWS has created the load balancer."},
	{"metrics-secure", Changed, "Metrics are served by plain HTTP to everybody who reaches the port."},
	{"metrics-cert-dir", Changed, "Metrics are served by plain HTTP to everybody who reaches the port."},
	{"pprof-bind-addr", Ignored, "Profiles are not served."},
	{"console-bind-addr", Ignored, "Nothing changes: this controller accepts the flag, but ignores it."},
	{"otlp-traces-endpoint", Ignored, "Traces are not sent."},
	{"otlp-traces-sampling-ratio", Ignored, "Traces are not sent."},
	{"webhook-bind-host", Ignored, "The webhooks listen at all addresses."},
	{"webhook-cert-secret", Ignored,
		"The existing controller needs the files of a certificate, which its chart writes " +
			"into a Secret."},
	{"webhook-cert-lifetime", Ignored, "The existing controller does not renew the certificate of its webhooks."},
	{"webhook-configurations", Ignored, "The existing chart writes the caBundle of the webhook configurations."},
}
