package soak

import "time"

// Namespaces, each with the objects of one load balancer but for the last two.
const (
	single     = "soak-ingress"     // an Ingress with a load balancer of its own, of a class with parameters
	group      = "soak-group"       // Ingresses that share one
	gateway    = "soak-gateway"     // a Gateway of class alb
	pods       = "soak-nlb-pods"    // a Service whose targets are pods
	nodes      = "soak-nlb-nodes"   // a Service whose targets are nodes, externalTrafficPolicy Local
	netGateway = "soak-nlb-gateway" // a Gateway of class nlb
	secure     = "soak-tls"         // an Ingress whose certificate is a Secret
	bound      = "soak-bound"       // a TargetGroupBinding to a target group of the user's; no client reaches it
	passing    = "soak-passing"     // objects that come and go with their load balancers; no client reaches them
)

// Names of actions.
const (
	rollout         = "rolls out"
	scale           = "scales"
	port            = "moves the port of the pods of"
	ingressHealth   = "sets the health check path of"
	ingressCheckAt  = "sets the health check port of"
	serviceHealth   = "sets the health check protocol of"
	gatewayHealth   = "sets the health check by"
	ingressIdle     = "sets the idle timeout of"
	serviceDelay    = "sets the deregistration delay of"
	ingressTags     = "sets the tags of"
	serviceTags     = "sets the resource tags of"
	gatewayTags     = "sets the tags by"
	classTags       = "sets the tags by parameters"
	targetType      = "sets the target type of"
	order           = "sets the order of"
	mistake         = "makes or cures a mistake of"
	exists          = "makes or deletes"
	extraPort       = "adds or removes a port of"
	extraRule       = "adds or removes a rule of"
	certificate     = "renews the certificate of"
	binds           = "points the binding at another Service:"
	refusals        = "AWS refuses some calls of"
	loses           = "AWS loses some answers of"
	slows           = "AWS is slow to"
	controllerKill  = "kills a process of"
	controllerRoll  = "rolls out the controller:"
	nodeDeath       = "kills node"
	apiServerAway   = "restarts"
	apiServerStands = "suspends"
	apiServerCuts   = "cuts connections of"
)

// present and absent are values of objects and parts that come and go.
const present, absent = "present", "absent"

// Values of the Services' ports: the one that pods answer on, by its number.
var ports = []string{"8080", "8081"}

// everything is the table of what may happen.
func everything(nodeNames []string) []action {
	backends := []string{single + " web", group + " a", group + " b", gateway + " web", pods + " web", nodes + " web",
		netGateway + " web", secure + " web"}
	onPods := []string{single + " web", group + " a", group + " b", gateway + " web", pods + " web", netGateway + " web",
		secure + " web"}
	second := time.Second
	return []action{
		{name: rollout, weight: 12, objects: append([]string{bound + " web"}, backends...)},
		{name: scale, weight: 8, objects: append([]string{bound + " web"}, backends...), values: []string{"3", "4", "5"}},
		{name: port, weight: 8, objects: onPods, values: ports},
		{name: ingressHealth, weight: 4, objects: []string{single + " web", group + " a", group + " b", secure + " web"},
			values: []string{"/health", "/alive", "/up"}},
		// Not of single: nodes, which may be its targets, answer on no port of pods.
		{name: ingressCheckAt, weight: 3, objects: []string{group + " a", secure + " web"}, values: []string{
			"traffic-port", "8081", "8080"}},
		{name: serviceHealth, weight: 3, objects: []string{pods + " web"}, values: []string{"tcp", "http"}},
		{name: gatewayHealth, weight: 3, objects: []string{gateway + " targets", netGateway + " targets"}, values: []string{
			"/health", "/alive", "/up"}},
		{name: ingressIdle, weight: 2, objects: []string{single + " web", group + " a", secure + " web"}, values: []string{
			"60", "61", "75"}},
		{name: serviceDelay, weight: 2, objects: []string{pods + " web", nodes + " web"}, values: []string{
			"300", "60", "120"}},
		{name: ingressTags, weight: 2, objects: []string{group + " a", secure + " web"}, values: []string{
			"team=a", "team=b"}},
		{name: serviceTags, weight: 2, objects: []string{pods + " web", nodes + " web"}, values: []string{
			"team=a", "team=b"}},
		{name: gatewayTags, weight: 2, objects: []string{gateway + " web", netGateway + " web"}, values: []string{"a", "b"}},
		{name: classTags, weight: 2, objects: []string{"soak"}, values: []string{"a", "b", "c"}},
		{name: targetType, weight: 2, objects: []string{single + " web"}, values: []string{"ip", "instance"}},
		{name: order, weight: 2, objects: []string{group + " a", group + " b"}, values: []string{"1", "2", "3"}},
		{name: mistake, weight: 4, objects: []string{group + " b"}, values: []string{absent, present}},
		{name: exists, weight: 8, objects: []string{group + " c", passing + " ingress", passing + " service", passing +
			" gateway"}, values: []string{absent, present}},
		{name: extraPort, weight: 3, objects: []string{pods + " web", nodes + " web"}, values: []string{absent, present}},
		{name: extraRule, weight: 3, objects: []string{gateway + " web", single + " web"}, values: []string{absent, present}},
		{name: certificate, weight: 3, objects: []string{secure + " web-tls"}, values: []string{"1", "2", "3"}},
		{name: binds, weight: 3, objects: []string{bound + " bound"}, values: []string{"web", "other"}},

		{name: refusals, weight: 4, objects: []string{"elasticloadbalancing", "ec2", "acm"}, values: []string{
			"throttled", "internal", "unavailable"}, lasts: [2]time.Duration{3 * second, 10 * second}},
		{name: loses, weight: 2, objects: []string{"elasticloadbalancing", "ec2", "acm"}, lasts: [2]time.Duration{
			3 * second, 10 * second}},
		{name: slows, weight: 2, objects: []string{"elasticloadbalancing", "ec2"}, lasts: [2]time.Duration{
			3 * second, 10 * second}},

		{name: controllerKill, weight: 3, objects: []string{"the controller"}, values: []string{"leader", "other"},
			lasts: [2]time.Duration{10 * second, 20 * second}, alone: true},
		{name: controllerRoll, weight: 2, objects: []string{"an upgrade"}, lasts: [2]time.Duration{10 * second, 20 * second},
			alone: true},
		{name: nodeDeath, weight: 2, objects: nodeNames, lasts: [2]time.Duration{10 * second, 20 * second}, alone: true},
		{name: apiServerAway, weight: 2, objects: []string{"the API server"}, lasts: [2]time.Duration{3 * second, 5 * second},
			alone: true},
		{name: apiServerStands, weight: 2, objects: []string{"the API server"}, lasts: [2]time.Duration{
			2 * second, 6 * second}, alone: true},
		{name: apiServerCuts, weight: 2, objects: []string{"the API server"}, lasts: [2]time.Duration{2 * second, 5 * second},
			alone: true},
	}
}
