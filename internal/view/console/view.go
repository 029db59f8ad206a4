package console

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// Overview is all load balancers that the objects of a cluster, or of files, declare.
type Overview struct {
	Cluster string    `json:"cluster"`
	Region  string    `json:"region"`
	Account string    `json:"account"` // which one it is: "your credentials", "simulated"
	Read    time.Time `json:"read"`
	// Problem is why what is shown is not the newest; empty = it is as of Read.
	Problem       string    `json:"problem,omitempty"`
	LoadBalancers []Summary `json:"loadBalancers"`
	// Findings are those of all load balancers, and about objects that belong to none.
	Findings []Finding `json:"findings"`
}

// Summary is one load balancer in a list.
type Summary struct {
	Key         string   `json:"key"`
	Kind        string   `json:"kind"` // of the objects that declare it
	Title       string   `json:"title"`
	Name        string   `json:"name,omitempty"` // in AWS
	Type        string   `json:"type,omitempty"`
	Scheme      string   `json:"scheme,omitempty"`
	DNSName     string   `json:"dnsName,omitempty"`
	State       string   `json:"state"` // of AWS, or "not created"
	Objects     []string `json:"objects"`
	Listeners   []string `json:"listeners"`
	Rules       int      `json:"rules"`
	Errors      int      `json:"errors"`
	Notes       int      `json:"notes"`
	Changes     int      `json:"changes"` // steps of its plan
	Unbuildable bool     `json:"unbuildable,omitempty"`
}

// Detail is one load balancer with all that belongs to it.
type Detail struct {
	Summary
	Read         time.Time     `json:"read"` // when health was
	Fields       []Field       `json:"fields"`
	Ports        []Listener    `json:"ports"`
	TargetGroups []TargetGroup `json:"targetGroups"`
	Findings     []Finding     `json:"findings"`
	Steps        []Step        `json:"steps"`
	Passes       []Pass        `json:"passes"` // the last plans that LoadBalancer objects show
	Events       []Event       `json:"events"`
	// HealthProblem is why the health of targets is not known.
	HealthProblem string `json:"healthProblem,omitempty"`
}

// Field is a setting with its value and where it comes from.
type Field struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // the annotation or field that declares it; in parentheses a default
}

// Listener is one port with its rules in the order of evaluation, the default actions last.
type Listener struct {
	Port     int32   `json:"port"`
	Protocol string  `json:"protocol"`
	Exists   bool    `json:"exists"`
	Fields   []Field `json:"fields"`
	Rules    []Rule  `json:"rules"`
}

// Rule is one rule.
type Rule struct {
	ID         string  `json:"id"`
	Priority   string  `json:"priority"` // in AWS; "new", "#order" where it is not known, or "default"
	Conditions string  `json:"conditions"`
	Action     string  `json:"action"`
	Owner      string  `json:"owner,omitempty"`
	Source     string  `json:"source,omitempty"`
	Shares     []Share `json:"shares"` // of a forward
}

// Share is a target group that a rule forwards to.
type Share struct {
	TargetGroup string `json:"targetGroup"` // the identity, or the ARN of one of others
	Percent     string `json:"percent,omitempty"`
}

// TargetGroup is one target group with its targets.
type TargetGroup struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Exists  bool     `json:"exists"`
	Backend string   `json:"backend"`
	Fields  []Field  `json:"fields"`
	Targets []Target `json:"targets"`
}

// Target is one target.
type Target struct {
	explain.Target
	Object string `json:"object,omitempty"` // the pod or node
}

// Finding is something that is wrong or worth to know.
type Finding struct {
	Key string `json:"key,omitempty"` // of the load balancer
	explain.Finding
}

// Step is one step of a plan.
type Step struct {
	Action    string   `json:"action"`
	Resource  string   `json:"resource"`
	Operation string   `json:"operation"`
	Why       []string `json:"why"`
	Refused   string   `json:"refused,omitempty"`
}

// Pass is the last plan that the controller carried out, as the LoadBalancer object shows it.
type Pass struct {
	Time    time.Time `json:"time"` // of the first attempt
	Summary string    `json:"summary"`
	Result  string    `json:"result"` // Done, Waiting or Failed
	Steps   []string  `json:"steps"`
}

// Event is one event of an object.
type Event struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"` // Normal or Warning
	Reason  string    `json:"reason"`
	Object  string    `json:"object"`
	Message string    `json:"message"`
	Count   int32     `json:"count"`
}

// Question is a request whose way through a load balancer is asked for.
type Question struct {
	Key     string
	Request string // "GET https://shop.example.com/cart"
	Headers []string
	From    string // address of the client
	Follow  bool   // redirects
}
