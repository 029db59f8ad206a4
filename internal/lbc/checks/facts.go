package checks

import (
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/definition"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// Facts are what was read. A field is meaningful if its source is not in Unread.
type Facts struct {
	doctor.Facts

	Clocks     []Clock // of whatever answered
	Kubernetes string  // version of the API server; source APIServer

	Controllers []Deployment       // source Controller
	Leases      []Lease            // source Controller
	Shown       []Shown            // source Controller: LoadBalancer objects, as far as they may be listed
	Declared    map[stack.Key]bool // source Objects: the stacks that objects declare, or leave
	// Drains is for how many seconds the load balancer of a TargetGroupBinding may need a pod that ends, by its namespace
	// and name. Source Objects.
	Drains      map[[2]string]int64
	Definitions map[string]Definition
	AutoMode    bool    // source Definitions: EKS Auto Mode serves load balancers in the cluster, too
	User        string  // source Rights: the user that the rights are of
	Denied      []Right // source Rights
	Hooks       []Hook
	Serving     []Serving // source Webhooks: certificates that the controller serves admission with
	// Refused is why the creation of a Service was refused; empty = it was admitted. Source Admission.
	Refused string
	// Denials are refusals of policies to objects as the controller creates them, by the name of the object. Source
	// Admission.
	Denials    map[string]string
	Heartbeats []Heartbeat // of nodes

	// VPCExists is false if the account has no VPC of that id in the region. Source Network.
	VPCExists    bool
	AWS          facts.Facts // source Network: subnets with routes, security groups
	Instances    []Instance
	TargetGroups []TargetGroup       // of the cluster, by their tags, or named by TargetGroupBindings
	Groups       []Tagged            // source Network: security groups of the cluster, by their tags
	Counts       map[quota.Limit]int // source LoadBalancers: how many the account has
	Limits       map[quota.Limit]int // of Elastic Load Balancing
	Permissions  Permissions         // source RolePolicies
	GroupLimit   int                 // source SecurityGroups: security groups of an interface; 0 = not known
	Rules        []GroupRules        // of security groups of the VPC
	Imported     []time.Time         // source CertificateList: when certificates were imported; the zero time of others
}

// Definition has the parts of a CustomResourceDefinition that are compared.
type Definition = definition.Definition

// Clock is how far another clock is ahead of that of this machine.
type Clock struct {
	Of    string
	Ahead time.Duration
}

// Deployment is a Deployment of the controller.
type Deployment struct {
	Namespace, Name string
	Image           string
	Wanted, Ready   int32
	HostNetwork     bool
	Role            string // of the annotation of its service account
	Problem         string // of its arguments; empty = they are valid
	AsksInstance    bool   // it takes the region or the VPC from the instance metadata service
	Unelected       bool   // its pods elect no leader
	Watches         string // the only namespace that it watches; empty = all, or its arguments are not valid
	Pods            []Pod
}

func (d Deployment) String() string { return "Deployment " + d.Namespace + "/" + d.Name }

// Pod is a pod of the controller.
type Pod struct {
	Name     string
	Problem  string // why it is not ready; empty = it is
	Restarts string // how often its containers were started again, and why the last one ended; empty = never
	// Times is that number; Started is when the pod was, Ended when the last of its containers was.
	Times          int
	Started, Ended time.Time
	Identity       bool // it gets credentials of its own: of a service account's role, or of EKS Pod Identity
}

// Shown is a LoadBalancer object.
type Shown struct {
	Namespace, Name string
	Ready           bool // its condition Ready is True
	Writer          string
}

func (s Shown) String() string { return "LoadBalancer " + s.Namespace + "/" + s.Name }

// Lease is a Lease by which controllers elect their leader.
type Lease struct {
	Namespace, Name, Holder string
	Renewed                 time.Time
	Duration                time.Duration
	Created                 time.Time
	Transitions             int // changes of the holder since then
	// Elections are the events about processes that took the Lease.
	Elections []Election
}

// Election is an event about processes that took a Lease.
type Election struct {
	First, Last time.Time
	Times       int
	Text        string
}

func (l Lease) String() string { return "Lease " + l.Namespace + "/" + l.Name }

// Right is a right that the controller needs.
type Right struct {
	Group, Resource, Verb string // Resource may have a subresource after a slash
	Namespace, Name       string // empty = all
}

// Hook is a webhook of the controller, of a configuration of either kind.
type Hook struct {
	Configuration string // "ValidatingWebhookConfiguration name"
	Name          string
	Fails         bool     // what it concerns cannot be written while it does not answer
	Resources     []string // that it concerns
	Selective     bool     // it concerns only some of them
	CA            []byte
	URL           string // empty = of a Service
	Service       string // "namespace/name"
	Exists        bool   // the Service does
	Endpoints     int    // ready ones of the Service
	Injected      bool   // by cert-manager
}

// Serving is a serving certificate in a Secret.
type Serving struct {
	Secret string // "namespace/name"
	Chain  []byte // PEM
}

// Instance is the EC2 instance of a node.
type Instance struct {
	ID, Node, VPC, Zone string
	HopLimit            int32 // of answers of the instance metadata service; 0 = not known
	// Groups is why the security group of its network interface that is extended may be the wrong one, or none is; empty =
	// there is no doubt.
	Groups   string
	Extended string // the security group that is extended; empty = none is
}

// GroupRules counts the inbound rules of a security group by family. One whose source is a security group counts in
// both. A prefix list counts as one here, and with all its entries for AWS.
type GroupRules struct {
	ID          string
	IPv4, IPv6  int
	PrefixLists int
	Serves      bool // it has rules for load balancers
}

// Tagged is a resource with the stack that its tags name.
type Tagged struct {
	ID  string
	Key stack.Key
}

// TargetGroup is a target group of the cluster, or one that a binding names.
type TargetGroup struct {
	ARN, Name, VPC string
	Cluster        string // of its tags; empty = none
	Key            stack.Key
	Ours           bool // Key is of this cluster
	LoadBalancers  []string
	Targets        []Target // source TargetHealth
}

// Target is a registered target.
type Target struct {
	ID                         string
	Port                       int32
	Zone                       string
	State, Reason, Description string
}

func (t Target) String() string {
	s := fmt.Sprintf("%s:%d is %s", t.ID, t.Port, t.State)
	if t.Reason != "" {
		s += fmt.Sprintf(": %s (%s)", t.Reason, t.Description)
	}
	return s
}

// Heartbeat is the last renewal of a node's Lease.
type Heartbeat struct {
	Node    string
	Renewed time.Time // by the clock of the node
	Written time.Time // by the clock of the API server; zero = not known
}

// Permissions are what the policies of the controller's role allow.
type Permissions struct {
	Role    string // ARN; empty = not known
	Exists  bool
	Lacking []Lack
	Untried []string // actions that were not tried, where nothing could be simulated
}

// Lack is an action of a statement of the smallest policy that is not allowed.
type Lack struct {
	Sid, Action, Resource string
	Explicit              bool            // by a Deny, not for want of an Allow
	Severity              doctor.Severity // how bad it is for a controller to lack the action
}
