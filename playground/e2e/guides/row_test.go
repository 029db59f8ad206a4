package guides

import (
	"testing"
)

// row is one example and what must be true while it is applied.
type row struct {
	file      string // below examples/guides
	namespace string
	balancers []balancer
	bindings  []binding // those that the file itself has
	asks      []ask
	// more are requests that are none over HTTP.
	more func(*testing.T, *scenario)
	// without are AWS actions that there is no reason for.
	without []string
	// warnings are reasons of Warning events that belong to the example.
	warnings []string
	// passing are codes of Warning events that tell of a moment in which one watch is ahead of another.
	passing []string
	// story is what happens next: edits, and what they lead to. Afterwards the row need not hold any more.
	story func(*testing.T, *scenario)
	// lift takes away what keeps the example from being deleted.
	lift func(*testing.T, *scenario)
}

// balancer is one load balancer and what belongs to it.
type balancer struct {
	objects []string // the Ingresses, or the one Service or Gateway, that it is made for
	nlb     bool
	gateway *gateway // nil: it is made for Ingresses or a Service
	group   string   // Ingress group, if the members name one
	// name of the load balancer; of a Service's or Gateway's only its beginning, since the rest comes from the UID.
	name     string
	internal bool
	subnets  []string // nil: all that are tagged for the scheme
	// managed is the name of the security group that is made for it (or its beginning, as with name); without one, it has
	// exactly the groups in own.
	managed    string
	own        []string
	attributes map[string]string // that are not AWS's defaults
	webACL     string            // name of the web ACL in front of it; "" for none
	listeners  []listener
	groups     []targetGroup
	// edited: rules came or went since the others were made, which keep the tags that they were made with; of several
	// routes, each may have come by itself.
	edited bool
}

type listener struct {
	port         int32
	protocol     string
	certificates []string // their numbers, the default one first
	otherwise    string   // the default action; "" stands for 404 at an ALB
	rules        []string // in order, as simclient.RuleText writes them, with target groups as "service:port"
}

const (
	otherwise404   = "answer 404"
	redirectTo443  = "redirect HTTP_301 to HTTPS://#{host}:443/#{path}?#{query}"
	defaultPolicy  = "ELBSecurityPolicy-2016-08"
	backendGroup   = "k8s-traffic-democluster-36d0873f31"
	nodeGroup      = "sg-00000000000000001"
	nodeRule       = "elbv2.k8s.aws/targetGroupBinding=shared"
	albHealth      = "HTTP traffic-port / 200 15s 5s 2 2"
	albHealthCheck = "HTTP traffic-port /health 200 15s 5s 2 2"
	gatewayHealth  = "HTTP traffic-port / 200-399 15s 5s 3 3"
	layer4Health   = "TCP traffic-port   15s 5s 3 3"
	nlbHealth      = "TCP traffic-port   10s 10s 3 3"
)

type targetGroup struct {
	service string // "name:port"
	ingress string // the member it belongs to; "" is the first object
	port    int32  // of the targets; 0: the Service's node port, with all nodes as targets
	targets int    // pods
	health  string // protocol, port, path, codes, interval, timeout, healthy and unhealthy threshold; "" is the default
	// unhealthy: no target passes its health check.
	unhealthy  bool
	attributes map[string]string

	// Of a Gateway: the route that it is made for (of kind HTTPRoute unless given), the exact name of the group, if it
	// depends on no node port, and the Service's target port, if the targets are nodes.
	route, kind, name string
	targetPort        int32
	// protocol and version; "" is HTTP and HTTP1 of an ALB, TCP of an NLB.
	protocol, version string
}

// gateway is what belongs to a Gateway.
type gateway struct {
	class string
	// configurations are its LoadBalancerConfiguration, TargetGroupConfigurations and ListenerRuleConfigurations, as
	// "resource name".
	configurations []string
	routes         []route
	annotations    map[string]string // besides the rule construction
}

// route is one of a Gateway.
type route struct {
	resource, name string
	refused        string // reason of its condition Accepted; "" if it is accepted
}

// binding is a TargetGroupBinding that the user made, for a target group that the account has.
type binding struct {
	name, group string
	instance    bool
	targets     []string // instances; nil: the pods of the Service
	pods        int
}

// ask is one request.
type ask struct {
	// url names scheme, Host header (and server name) and path; the port is that of the scheme unless given.
	url      string
	balancer int // index in the row's balancers
	lb       string
	port     int
	headers  []string
	status   int // 0: nothing listens
	service  string
	body     string
	location string
	// certificate is the first name of the one that is shown.
	certificate string
}
