// Package naming has the formulas for names, identities, tags, labels and finalizers, one function each. The results
// equal the existing controller's byte for byte, so its resources are adopted. Longer values are shortened. Callers
// decide when a name is used.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// clean deletes every character outside ASCII [0-9A-Za-z].
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, s)
}

// short cleans s and keeps its first n characters; shorter results are not padded.
func short(s string, n int) string {
	s = clean(s)
	if len(s) > n {
		return s[:n]
	}
	return s
}

// hash10 is the first 10 lower-case hex digits of the SHA-256 of the parts, concatenated without separators.
func hash10(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:5])
}

// readable is k8s-<8 of namespace>-<8 of name>-<hash>, at most 32 characters.
func readable(namespace, name, hash string) string {
	return "k8s-" + short(namespace, 8) + "-" + short(name, 8) + "-" + hash
}

// NthSecurityGroup returns the GroupName of the n-th managed security group of a load balancer, counted from 1. The
// first one has the given name.
func NthSecurityGroup(name string, n int) string {
	if n == 1 {
		return name
	}
	return name + "-" + strconv.Itoa(n)
}

// nameForm is the form of names of target groups and load balancers.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`)

// Possible reports whether a target group or load balancer can have a name.
func Possible(name string) bool { return nameForm.MatchString(name) }

// OfTargetGroup returns the name in a target group's ARN (…:targetgroup/NAME/ID); "" if the ARN is not one of a target
// group.
func OfTargetGroup(arn string) string {
	return objects.TargetGroupName(arn)
}

// NamespaceOfTargetGroup returns the namespace in the identity of a target group (NAMESPACE/…). It is the namespace
// of its binding, except for target groups of routes, whose bindings are in the backend's namespace. It is "" if the
// identity has no namespace, such as for a frontend's target group.
func NamespaceOfTargetGroup(id string) string {
	namespace, _, ok := strings.Cut(id, "/")
	if !ok {
		return ""
	}
	return namespace
}

// BindsIn reports whether the binding of a target group belongs to a namespace, by the identity of the group. The
// identity of one of a route has NAMESPACE-NAME of the backend, so that several namespaces may be meant where names
// have dashes.
func BindsIn(id, namespace string) bool {
	if backend, ok := backendOfRoute(id); ok {
		return namespace != "" && strings.HasPrefix(backend, namespace+"-")
	}
	return namespace == NamespaceOfTargetGroup(id)
}

// DeclaredIn reports whether a target group is declared by an object of a namespace, by the identity of the group: a
// route, or an object that has its binding. The identity of one of a route has NAMESPACE-NAME of the route, so that
// several namespaces may be meant where names have dashes.
func DeclaredIn(id, namespace string) bool {
	parts := strings.Split(id, ":")
	if _, ok := backendOfRoute(id); ok {
		return namespace != "" && strings.HasPrefix(parts[1], namespace+"-")
	}
	return namespace != "" && namespace == NamespaceOfTargetGroup(id)
}

// DeclaringNamespaces returns the namespaces that may have declared a target group, by its identity and its name. The
// identity of one of a route joins the route's namespace and name by a hyphen: of the namespaces that it can mean, the
// generated name (k8s-<8 of namespace>-<8 of name>-…) leaves few.
func DeclaringNamespaces(id, name string) (out []string) {
	if _, ok := backendOfRoute(id); !ok {
		if namespace := NamespaceOfTargetGroup(id); namespace != "" {
			return []string{namespace}
		}
		return nil
	}
	var named []string
	route := strings.Split(id, ":")[1]
	for i := 1; i < len(route)-1; i++ {
		if route[i] != '-' {
			continue
		}
		out = append(out, route[:i])
		if strings.HasPrefix(name, readable(route[:i], route[i+1:], "")) {
			named = append(named, route[:i])
		}
	}
	if len(named) > 0 {
		return named
	}
	return out
}

// backendOfRoute is NAMESPACE-NAME of the backend in the identity of a target group of a route.
func backendOfRoute(id string) (backend string, ok bool) {
	parts := strings.Split(id, ":")
	if len(parts) != strings.Count(GatewayTargetGroup{}.ID(), ":")+1 {
		return "", false
	}
	_, backend, ok = strings.Cut(parts[2], "-")
	return backend, ok
}

// RouteKindOf is the kind of the route in the identity of a target group; "" if it is not one of a route.
func RouteKindOf(id string) string {
	if _, ok := backendOfRoute(id); !ok {
		return ""
	}
	kind, _, _ := strings.Cut(strings.Split(id, ":")[2], "-")
	return kind
}

// generatedName is the form of the names that controllers generate for load balancers and target groups, and for the
// load balancers in front of them. AWS does not regard the case of names.
var generatedName = regexp.MustCompile(`(?i)^k8s-[0-9a-z-]*-([0-9a-f]{10}|[0-9a-f]{6,10}-nlb)$`)

// Generated reports whether a name has the form of generated ones. Nobody may declare such a name: many of them follow
// from public values, so that a tenant could take the name of another's resource in advance.
func Generated(name string) bool { return len(name) <= 32 && generatedName.MatchString(name) }

// notInSessions is what the existing controller leaves out of the name of a session; of that, STS admits "+".
var notInSessions = regexp.MustCompile(`[^a-zA-Z0-9=,.@_-]+`)

// longestSession is what STS admits of the name of a session (STS API Reference, AssumeRole, RoleSessionName).
const longestSession = 64

// RoleSession returns the name of the session of a role that is assumed. Trust policies and audit logs of other
// accounts know it.
func RoleSession(cluster string) string {
	name := "AWS-LBC-" + notInSessions.ReplaceAllString(cluster, "")
	return name[:min(len(name), longestSession)]
}

// leaderMark begins the id of a process in the identity with which it holds the Lease.
const leaderMark = "lbc-"

// LeaderIdentity marks the identity HOST_ID, in client-go's form, with which a process of this controller holds the
// Lease. The existing controller elects its leader by the same Lease without the mark, so users of LoadBalancer
// objects see which controller manages them.
func LeaderIdentity(identity string) string {
	host, id, ok := strings.Cut(identity, "_")
	if !ok || strings.HasPrefix(id, leaderMark) {
		return identity
	}
	return host + "_" + leaderMark + id
}

// IsLeaderIdentity reports whether an identity is that of a process of this controller.
func IsLeaderIdentity(identity string) bool {
	_, id, _ := strings.Cut(identity, "_")
	return strings.HasPrefix(id, leaderMark)
}

// Names of Gateways, Ingresses and routes have up to 253 characters. What is longer than AWS or Kubernetes admits is
// shortened, and only that: every other text is byte for byte that of the existing controller, which fails on these.
const (
	maxTagValue   = 256 // characters of the value of a tag
	maxLabelValue = 63  // characters of the value of a label
)

// mark begins the hash of a shortened text. Names of Kubernetes have no underscore, so that a shortened name is not
// that of another object.
const (
	mark       = "_"
	hashDigits = objects.HashDigits
)

// hashed is the mark with the first hex digits of the SHA-256 of a text.
func hashed(s string) string {
	return mark + objects.NameHash(s)
}

// shorten is s, or its beginning and its hash if it has more than n characters. One that is shortened already keeps its
// hash.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	hash := hashed(s)
	if shortened(s) {
		hash = s[len(s)-len(hash):]
	}
	return s[:n-len(hash)] + hash
}

func shortened(s string) bool {
	at := strings.LastIndex(s, mark)
	return at >= 0 && at == len(s)-len(mark)-hashDigits
}

// Shortened reports whether the ID of a stack, or the one in labels of its bindings, has no name of an object: it was
// too long.
func Shortened(id stack.ID) bool { return id.Namespace != "" && shortened(id.Name) }

// StackID returns the ID of the stack of one object: its namespace and name, the name shortened if both together are
// too long for a tag.
func StackID(namespace, name string) stack.ID {
	return stack.ID{Namespace: namespace, Name: shorten(name, maxTagValue-len(namespace+"/"))}
}

// Candidates returns the objects of a kind whose names have the hash in the ID of a stack, or in the labels of its
// bindings. The ID must be Shortened.
func Candidates[T metav1.Object](v *objects.View, kind objects.Kind, id stack.ID) []T {
	return objects.Naming[T](v, kind, objects.LongNameRef(id.Namespace, id.Name[len(id.Name)-hashDigits:]))
}

// Declarer returns the object of a kind whose stack has an ID.
func Declarer[T metav1.Object](v *objects.View, kind objects.Kind, id stack.ID) (o T, ok bool) {
	if !Shortened(id) {
		return objects.Lookup[T](v, kind, id.Namespace, id.Name)
	}
	for _, o := range Candidates[T](v, kind, id) {
		if StackID(o.GetNamespace(), o.GetName()) == id {
			return o, true
		}
	}
	return o, false
}
