// Package ingress is the front end of Ingresses: it classifies them, forms groups, and translates a group to an intent
// with diagnostics. It resolves Services, Secrets, class parameters and annotations. Package compile merges members and
// consults AWS.
package ingress

import (
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/secretdata"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Config is the configuration of this front end.
type Config struct {
	// IngressClass is --ingress-class: the value of the legacy annotation of managed Ingresses. If it is empty, the values
	// "" and "alb" are managed, and so are Ingresses without any class.
	IngressClass string
	// TolerateMissingService is --tolerate-non-existent-backend-service: a missing Service answers 503.
	TolerateMissingService bool
	// TolerateMissingAction is --tolerate-non-existent-backend-action: a missing actions.* annotation answers 503.
	TolerateMissingAction bool
	// DefaultTargetType is --default-target-type: "instance" or "ip"; empty means "instance".
	DefaultTargetType string
	// IPTargetTypeDisabled is the negation of gate EnableIPTargetType.
	IPTargetTypeDisabled bool
	// RequiredSecretsLabel is --required-secrets-label, "key=value": Secrets without it are not used. Empty = any Secret.
	RequiredSecretsLabel string
	// IncludeDryRun translates Ingresses under dry run like all others.
	IncludeDryRun bool
	// TellUnserved reports each Ingress that has annotations of this controller and is not served, also if it names no
	// class or one of another controller. Otherwise only a class that seems misspelt is reported: the objects of other
	// controllers get no events.
	TellUnserved bool
	// RequestCertificates is gate EnableCertificateManagement.
	RequestCertificates bool
	// DefaultAuthority is --default-pca-arn: the private authority of requested certificates where no annotation names
	// one.
	DefaultAuthority string
	// ImportSecrets is --enable-tls-secret-import.
	ImportSecrets bool
	// CapacityOff is the negation of gate LBCapacityReservation.
	CapacityOff bool
	// LastClass is the class of the last valid version of an Ingress, empty = none; nil = no such version is known.
	LastClass func(ing diag.Object) string `json:"-"`
	// Pairs remembers what Secrets hold; nil = each is read again.
	Pairs *secretdata.Pairs `json:"-"`
	// Now is the clock for the validity of certificates in Secrets; nil = it is not checked.
	Now func() time.Time `json:"-"`
}

// Class is the class of an Ingress, and whether this controller manages it.
type Class struct {
	Managed bool
	// of the IngressClass; empty if the legacy annotation decides, or no class is named
	Name   string
	Params *v1beta1.IngressClassParams // nil = none
}

// Group is the membership of one Ingress group. All slices of members are in group order.
type Group struct {
	ID     stack.ID
	Active []*networkingv1.Ingress
	// Former are Ingresses that carry the group's finalizer and whose class or group name has become invalid. They stay in
	// the group with their former version: an edit of a class must not remove live Ingresses from their load balancer.
	Former []*networkingv1.Ingress
	// Inactive carry the group's finalizer and have left it: deleted, moved to another group, or to a class of another
	// controller.
	Inactive []*networkingv1.Ingress
	// DryRun are Ingresses that would be active without annotation dry-run. Those that carry the group's finalizer,
	// because they were deployed before, are among Former, too.
	DryRun []*networkingv1.Ingress
	// Diagnostics of membership; those of active and former members are repeated in their intent.Member.
	Diagnostics diag.List

	members []member
}

// Names are the names of the AWS resources of a group of Ingresses.
type Names struct{}

// LoadBalancer returns the name of the load balancer.
func (Names) LoadBalancer(cluster string, id stack.ID, scheme string) string {
	return naming.IngressLoadBalancer(cluster, id, scheme)
}

// SecurityGroup returns the name of the managed security group.
func (Names) SecurityGroup(cluster string, id stack.ID) string {
	return naming.IngressSecurityGroup(cluster, id)
}

// TargetGroup returns the name of a target group.
func (Names) TargetGroup(cluster string, id stack.ID, g *intent.TargetGroup) string {
	return naming.IngressTargetGroup{
		Cluster: cluster, Group: id, IngressNamespace: g.Object.Namespace, IngressName: g.Object.Name,
		ServiceNamespace: g.ServiceNamespace, ServiceName: g.ServiceName, ServiceUID: g.ServiceUID,
		ServicePort: g.ServicePort, Port: g.Port, TargetType: g.TargetType, Protocol: g.Protocol,
		ProtocolVersion: g.ProtocolVersion, ControlPort: g.ControlPort,
	}.Name()
}

// TargetGroups returns the prefixes of the identities of the target groups of an Ingress.
func (Names) TargetGroups(o diag.Object) []string {
	return naming.IngressTargetGroups(o.Namespace, o.Name)
}
