package lab

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// FrontGroup is the key of the stack of group front.
var FrontGroup = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}

// GroupMember is an Ingress of group front, of a Service of its own namespace, created so many seconds after the others
// began.
func GroupMember(namespace, name string, age int64, annotations map[string]string) []client.Object {
	svc := Service(name)
	svc.Namespace = namespace
	i := Ingress(name, annotations, name)
	i.Namespace, i.CreationTimestamp = namespace, metav1.Unix(1_700_000_000+age, 0)
	i.Annotations["alb.ingress.kubernetes.io/group.name"] = "front"
	if _, set := annotations["scheme"]; !set {
		delete(i.Annotations, "alb.ingress.kubernetes.io/scheme")
	}
	return []client.Object{svc, i}
}
