package orphan

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// groupAnnotations are the annotations with which objects name their group.
var groupAnnotations = map[stack.Owner]annotation.Key{stack.Ingress: annotation.GroupName,
	stack.Service: annotation.ServiceGroupName}

// ClaimsOf returns the claims of the objects in a view. The caller checks v.Err afterwards: the claims are
// incomplete if a read failed. The stacks of a kind that the API server does not serve are unclear. The view must
// include all namespaces.
func ClaimsOf(v *objects.View) *Claims {
	c := &Claims{
		stacks: map[stack.Key]claim{}, hostnames: map[string]claim{}, used: map[string]claim{}, sources: map[string]claim{},
		registering: map[string][]binding{},
		owners:      map[stack.Owner]string{},
	}
	if !v.Serves(objects.TargetGroupBinding) {
		c.all = unserved(objects.TargetGroupBinding)
	}
	for _, k := range owner.Kinds {
		kind := objects.Kind(k.Kind)
		if !v.Serves(kind) {
			c.owners[k.Owner] = unserved(kind)
			continue
		}
		for _, o := range v.List(kind) {
			c.object(k, o)
		}
	}
	c.groupsOfClasses(v)
	for _, b := range v.TargetGroupBindings("") {
		c.binding(b)
	}
	return c
}

func unserved(kind objects.Kind) string {
	return fmt.Sprintf("the API server does not serve %s: which of them exist is not known", kind)
}

// object adds the claims of an object that may declare a load balancer.
func (c *Claims) object(k owner.Kind, o metav1.Object) {
	by := owner.Object(o)
	for _, id := range naming.StacksOfFinalizers(k.Owner, o) {
		x := claim{by, "has its finalizer"}
		c.stacks[stack.Key{Owner: k.Owner, ID: id}] = x
		c.finalized = &x
	}
	c.add(stack.Key{Owner: k.Owner, ID: naming.StackID(o.GetNamespace(), o.GetName())}, claim{by, "has its name"})
	if name := o.GetAnnotations()[string(groupAnnotations[k.Owner])]; name != "" {
		c.add(stack.Key{Owner: k.Owner, ID: stack.ID{Name: name}}, claim{by, "names the group"})
	}
	for _, name := range k.Hostnames(o) {
		c.hostnames[strings.ToLower(name)] = claim{by, "shows " + name + " in its status"}
	}
}

func (c *Claims) add(key stack.Key, by claim) {
	if _, claimed := c.stacks[key]; !claimed {
		c.stacks[key] = by
	}
}

// groupsOfClasses adds the groups that Ingresses join through the parameters of their classes. If these are unknown,
// the Ingresses may be in any group.
func (c *Claims) groupsOfClasses(v *objects.View) {
	if !v.Serves(objects.IngressClassParams) {
		c.groups = unserved(objects.IngressClassParams)
		return
	}
	classes, params := map[string]*networkingv1.IngressClass{}, map[string]*v1beta1.IngressClassParams{}
	for _, x := range v.IngressClasses() {
		classes[x.Name] = x
	}
	for _, x := range v.AllIngressClassParams() {
		params[x.Name] = x
	}
	for _, i := range v.Ingresses() {
		for _, name := range classNames(i, classes) {
			class, ok := classes[name]
			switch {
			case !ok:
				c.groups = fmt.Sprintf("Ingress %s/%s is of IngressClass %s, which does not exist: its group is not known",
					i.Namespace, i.Name, name)
				continue
			case class.Spec.Parameters == nil:
				continue
			}
			p, ok := params[class.Spec.Parameters.Name]
			switch {
			case !ok:
				c.groups = fmt.Sprintf("IngressClassParams %s of IngressClass %s do not exist: the group of Ingress "+
					"%s/%s is not known", class.Spec.Parameters.Name, name, i.Namespace, i.Name)
			case p.Spec.Group != nil:
				c.add(stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: p.Spec.Group.Name}},
					claim{owner.Object(i), "is of its group by IngressClassParams " + p.Name})
			}
		}
	}
}

// classNames returns the classes that an Ingress may have.
func classNames(i *networkingv1.Ingress, classes map[string]*networkingv1.IngressClass) (names []string) {
	if i.Spec.IngressClassName != nil {
		return []string{*i.Spec.IngressClassName}
	}
	for name, x := range classes {
		if x.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			names = append(names, name)
		}
	}
	return names
}

// binding adds a TargetGroupBinding. It is a part of its stack, or it is a user's and claims the target group that
// it names.
func (c *Claims) binding(o *v1beta1.TargetGroupBinding) {
	if key, ok := StackOf(o.Labels); ok {
		b := binding{o.Namespace, o.Name, key}
		c.bindings, c.registering[o.Spec.TargetGroupARN] = append(c.bindings, b),
			append(c.registering[o.Spec.TargetGroupARN], b)
	} else {
		c.used[o.Spec.TargetGroupARN] = claim{owner.Object(o), "registers targets in " + o.Spec.TargetGroupARN}
	}
	if o.Spec.Networking == nil {
		return
	}
	for _, r := range o.Spec.Networking.Ingress {
		for _, p := range r.From {
			if p.SecurityGroup != nil {
				c.sources[p.SecurityGroup.GroupID] = claim{owner.Object(o), "lets " + p.SecurityGroup.GroupID + " in"}
			}
		}
	}
}

// StackOf returns the stack that the labels of a TargetGroupBinding name. Labels shorten long names, so the result
// may differ from the key of the stack in AWS.
func StackOf(labels map[string]string) (stack.Key, bool) {
	for _, k := range owner.Kinds {
		prefix := string(k.Owner) + "/"
		if name := labels[prefix+"stack"]; name != "" {
			return stack.Key{Owner: k.Owner, ID: stack.ID{Name: name}}, true
		}
		if ns, name := labels[prefix+"stack-namespace"], labels[prefix+"stack-name"]; ns != "" && name != "" {
			return stack.Key{Owner: k.Owner, ID: stack.ID{Namespace: ns, Name: name}}, true
		}
	}
	return stack.Key{}, false
}
