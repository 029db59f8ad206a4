// Package annotation holds ONE table of every annotation that users of the existing controller know, and the typed reader,
// the spelling advice and the reference page that come from it. What a value means for a load balancer is the front ends'.
// It imports the standard library, diag and intent.
package annotation

// Key is the full key of an annotation. A key that ends in a dot is a family: see For.
type Key string

// Prefixes of keys.
const (
	IngressPrefix = "alb.ingress.kubernetes.io/"
	ServicePrefix = "service.beta.kubernetes.io/"
)

// For completes the key of a family, e.g. Actions.For("blue-green").
func (k Key) For(rest string) Key { return k + Key(rest) }

// Path is the field path of the annotation in diagnostics.
func (k Key) Path() string { return "metadata.annotations[" + string(k) + "]" }

// Keys of groups.
const (
	GroupName  Key = IngressPrefix + "group.name"
	GroupOrder Key = IngressPrefix + "group.order"
)
