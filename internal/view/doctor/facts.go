package doctor

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Facts are what the leader and lbc read. A field is meaningful if its source is not in Unread.
type Facts struct {
	Now      time.Time // by the API server's clock if it answered, else by that of this machine
	Unread   map[Source]Unread
	Settings Settings

	Objects objects.Snapshot
	// IngressClass is the controller's flag --ingress-class. Source Objects.
	IngressClass string
	// source Objects: kinds that the API server does not serve, or whose objects may not be listed
	Unserved      []objects.Kind
	Nodes         []corev1.Node
	Events        []corev1.Event              // Warnings and successes of the controller
	LoadBalancers []LoadBalancer              // of the cluster, by their tags
	Certificates  []Certificate               // that listeners of the cluster's load balancers have
	Slices        []discoveryv1.EndpointSlice // source Workloads
	Pods          []corev1.Pod                // source Workloads
	// Degraded are conditions of the controller, and Orphans stacks that no object claims, as the leader observes both;
	// lbc reads the cluster and the account instead.
	Degraded []impairment.Condition
	Orphans  []orphan.Orphan
}

// Settings are the settings of the controller, from its flags or its Deployment.
type Settings struct {
	Cluster, Region, VPC string
	Account, Caller      string // the id of the account and the ARN of the credentials; known with source Account
	Subnets              SubnetSettings
	Accelerators         bool // GlobalAccelerators are served
}

// SubnetSettings are the feature gates of the discovery of subnets.
type SubnetSettings struct{ CheckClusterTag, ByReachability, SingleSubnet bool }

// LoadBalancer is a load balancer of the cluster.
type LoadBalancer struct {
	ARN, Name, VPC string
	Hostname       string
	Type           stack.LoadBalancerType
	Zones          []string
	Key            stack.Key
	Retained       bool     // it stays without an object, by a deletion policy
	Listeners      int      // source Listeners, as what follows
	Rules          int      // besides default ones
	Certificates   []string // ARNs
	Added          int      // of these, with those that several listeners have several times: besides the default ones
	SecurityGroups []string
}

// Certificate is a certificate in ACM.
type Certificate struct {
	ARN, Type, Status string
	Domains           []string
	Begins            time.Time // zero = not known
	Expires           time.Time // zero = not issued
}

// NameOf is "Kind namespace/name" of an object.
func NameOf(o metav1.Object) string {
	kind, _ := objects.KindOf(o)
	return FullName(string(kind), o.GetNamespace(), o.GetName())
}

// FullName is "Kind namespace/name", or "Kind name" for an object without a namespace.
func FullName(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

// list are the objects of a kind, sorted by namespace and name.
func list[T metav1.Object](f *Facts, kind objects.Kind) []T {
	return objects.List[T](objects.New(f.Objects), kind, "")
}

// Age returns a duration in words, in its largest unit.
func Age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

// Finalizers returns the controller's finalizers on an object.
func Finalizers(o metav1.Object) (out []string) {
	for _, f := range o.GetFinalizers() {
		if naming.IsFinalizer(f) {
			out = append(out, f)
		}
	}
	return out
}
