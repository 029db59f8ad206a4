package bindings

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Nodes are the nodes that a selector chooses. Bindings of the same selector share them.
type Nodes struct {
	serving registrar.Endpoints // sorted, without port
	skipped []registrar.Skipped
	none    string // why there are none although the selector asks for some; empty = there are, or there is no selector
	err     error  // the selector is invalid
}

// ChooseNodes chooses among nodes; a nil selector chooses all.
func ChooseNodes(nodes []*corev1.Node, selector *metav1.LabelSelector, failOpen bool) (n Nodes) {
	var serving []registrar.Endpoint
	serving, n.skipped, n.err = registrar.NodeEndpoints(nodes, selector, 0, failOpen)
	n.serving = registrar.EndpointsOf(serving...)
	if n.err == nil && len(serving) == 0 && selector != nil {
		n.none = whyNone(nodes, selector)
	}
	return n
}

// whyNone says why a selector chooses no node.
func whyNone(nodes []*corev1.Node, selector *metav1.LabelSelector) string {
	text := metav1.FormatLabelSelector(selector)
	chosen, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || !slices.ContainsFunc(nodes, func(n *corev1.Node) bool {
		return chosen.Matches(labels.Set(n.Labels))
	}) {
		return "no node has the labels " + text
	}
	return "no node with the labels " + text + " is ready and may be a target"
}

// None returns the findings that a target group is empty because of the node selector of its binding.
func (n Nodes) None(o *v1beta1.TargetGroupBinding, about func() []diag.Object) (found diag.List) {
	if n.none == "" {
		return nil
	}
	return empty(o, about(), "spec.nodeSelector", n.none, relabel)
}

const relabel = "label the nodes that should be targets, or correct the node labels that this object selects"

// Emptied returns the finding that an edit has given a binding a selector that chooses no node; nil if it chooses some,
// or there is none.
func (n Nodes) Emptied(o *v1beta1.TargetGroupBinding) diag.List {
	if n.none == "" {
		return nil
	}
	return diag.List{emptied(o, "spec.nodeSelector", n.none, relabel)}
}

// Instances returns the targets of a binding, without their port: nobody changes the list, which all bindings of the
// selector share.
func (n Nodes) Instances(o *v1beta1.TargetGroupBinding) (wanted registrar.Endpoints, found diag.List, known bool) {
	if n.err != nil {
		return registrar.Endpoints{}, diag.List{registrar.InvalidSelector(o, n.err)}, false
	}
	for _, s := range n.skipped {
		d := diag.New(bindingobject.BindingObject(o), "", diag.EndpointNotResolved, s.Why,
			"the other nodes are registered; wait for the node, or label it "+
				"node.kubernetes.io/exclude-from-external-load-balancers")
		d.Class = diag.Note
		found = append(found, d)
	}
	return n.serving, found, true
}
