package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// OfLeader returns the checks that the leader makes once a minute as well, from what it holds: its caches, its events
// and its inventory of AWS.
func OfLeader() []Check {
	return slices.Concat(NodeChecks, ObjectChecks, ClassChecks, PodChecks, BindingChecks, CertificateChecks, observed())
}

// NodeChecks are the checks of the cluster that the leader makes.
var NodeChecks = []Check{{
	Name: "node-provider-id", Severity: Warning, Needs: []Source{Nodes},
	About: "A node has no provider id of an EC2 instance, so the node cannot be a target of type instance. For pods on " +
		"this node, the controller cannot find the security groups through the EC2 instance.",
	Remedy: "run the AWS cloud provider, or start the kubelet with --provider-id=aws:///ZONE/INSTANCE",
	Find:   nodesWithoutInstance,
}}

// BindingChecks are the checks of traffic that the leader makes.
var BindingChecks = []Check{{
	Name: "target-group-bound-twice", Severity: Error, Needs: []Source{Objects},
	About: "Several TargetGroupBindings register their targets in one target group, and not all of these " +
		"TargetGroupBindings declare that they share the target group. Each TargetGroupBinding removes the targets of the " +
		"others.",
	Remedy: "delete all of these TargetGroupBindings except one, or set spec.multiClusterTargetGroup: true on each of " +
		"these TargetGroupBindings",
	Find: boundTwice,
}, {
	Name: "load-balancers-shareable", Severity: Note, Needs: []Source{Objects},
	About: "Three or more Ingresses of a namespace with the same class and scheme have a load balancer each. Or three " +
		"or more Services of a namespace with the same scheme and different ports have a load balancer each. One shared " +
		"load balancer costs less.",
	Remedy: "give the Ingresses the same annotation alb.ingress.kubernetes.io/group.name, or the Services the same " +
		"annotation service.beta.kubernetes.io/aws-load-balancer-group-name; the addresses of these objects then change",
	Find: shareable,
}}

func nodesWithoutInstance(f *Facts) (out []Finding) {
	for i := range f.Nodes {
		n := &f.Nodes[i]
		if id := n.Spec.ProviderID; id == "" {
			out = append(out, Finding{Object: "Node " + n.Name, Text: "spec.providerID is empty"})
		} else if !strings.HasPrefix(id, "aws://") {
			out = append(out, Finding{Object: "Node " + n.Name, Text: "spec.providerID " + id + " is not an id of AWS"})
		}
	}
	return out
}

// Bindings are sorted by namespace and name.
func (f *Facts) Bindings() []*v1beta1.TargetGroupBinding {
	return list[*v1beta1.TargetGroupBinding](f, objects.TargetGroupBinding)
}

func boundTwice(f *Facts) (out []Finding) {
	of, alone := map[string][]string{}, map[string]bool{}
	for _, b := range f.Bindings() {
		group := b.Spec.TargetGroupARN
		if group == "" { // it is known by its name until the controller has completed the binding
			continue
		}
		of[group] = append(of[group], NameOf(b))
		alone[group] = alone[group] || !b.Spec.MultiClusterTargetGroup
	}
	for _, group := range slices.Sorted(maps.Keys(of)) {
		if n := len(of[group]); n > 1 && alone[group] {
			out = append(out, Finding{Object: "target group " + group, Text: fmt.Sprintf("%d TargetGroupBindings register "+
				"targets in it", n), Evidence: Evidence("", of[group])})
		}
	}
	return out
}

// enoughToShare is how many load balancers might be one before that is worth a note.
const enoughToShare = 3

func shareable(f *Facts) (out []Finding) {
	of := groups{}
	for _, i := range f.Ingresses() {
		if i.Spec.IngressClassName == nil || i.Annotations[string(annotation.GroupName)] != "" ||
			!slices.Contains(i.Finalizers, owner.Of(stack.Ingress).Finalizer) {
			continue
		}
		of.add(fmt.Sprintf("Ingresses of class %s and %s scheme in namespace %s", *i.Spec.IngressClassName,
			schemeOf(i, annotation.Scheme), i.Namespace), i.Name)
	}
	used := map[string]bool{}
	for _, s := range list[*corev1.Service](f, objects.Service) {
		if s.Annotations[string(annotation.ServiceGroupName)] != "" || !slices.Contains(s.Finalizers,
			owner.Of(stack.Service).Finalizer) {
			continue
		}
		group := fmt.Sprintf("Services with ports of their own and %s scheme in namespace %s",
			schemeOf(s, annotation.ServiceScheme), s.Namespace)
		at := func(p corev1.ServicePort) string { return fmt.Sprintf("%s %d", group, p.Port) }
		if slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return used[at(p)] }) {
			continue // AWS has one listener for a number
		}
		for _, p := range s.Spec.Ports {
			used[at(p)] = true
		}
		of.add(group, s.Name)
	}
	for _, group := range slices.Sorted(maps.Keys(of)) {
		if names := of[group]; len(names) >= enoughToShare {
			out = append(out, Finding{Object: group, Text: fmt.Sprintf("%d of them have a load balancer each", len(names)),
				Evidence: Evidence("", names)})
		}
	}
	return out
}

// groups are names of objects by what they have in common.
type groups map[string][]string

func (g groups) add(group, name string) { g[group] = append(g[group], name) }

func schemeOf(o metav1.Object, key annotation.Key) string {
	return cmp.Or(o.GetAnnotations()[string(key)], "default")
}
