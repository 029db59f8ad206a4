package stack

import "strings"

// ConditionField is the kind of a rule condition, as AWS spells it.
type ConditionField string

// Fields of conditions.
const (
	HostHeader    ConditionField = "host-header"
	PathPattern   ConditionField = "path-pattern"
	HTTPHeader    ConditionField = "http-header"
	RequestMethod ConditionField = "http-request-method"
	QueryString   ConditionField = "query-string"
	SourceIP      ConditionField = "source-ip"
)

// Rule is one listener rule. Order is the position in the listener's desired sequence (1, 2, 3, …). plan chooses
// priorities that give this order with the fewest writes.
type Rule struct {
	ID         string // identity: "<port>:<order>"
	Listener   Ref
	Order      int32
	Conditions []Condition
	Actions    []Action
	Transforms []Transform
	Tags       map[string]string
}

// Condition is one condition of a rule; the conditions of a rule are ANDed, the values of a condition ORed.
// HeaderName belongs to http-header only; Query to query-string only; Values or Regex to the others.
type Condition struct {
	Field      ConditionField
	HeaderName string       `json:",omitempty"`
	Values     []string     `json:",omitempty"`
	Regex      []string     `json:",omitempty"`
	Query      []QueryValue `json:",omitempty"`
}

// QueryValue is one key/value pair of a query-string condition; an empty key matches any key.
type QueryValue struct{ Key, Value string }

// Count returns how many values a condition has.
func (c Condition) Count() int { return len(c.Values) + len(c.Regex) + len(c.Query) }

// Wildcards counts the wildcards by which ELB limits the conditions of a rule: those of each value.
func (c Condition) Wildcards() []int {
	if c.Field == RequestMethod || c.Field == SourceIP {
		return nil
	}
	var out []int
	for _, v := range c.Values {
		out = append(out, strings.Count(v, "*")+strings.Count(v, "?"))
	}
	for _, q := range c.Query {
		out = append(out, strings.Count(q.Key+q.Value, "*")+strings.Count(q.Key+q.Value, "?"))
	}
	return out
}

// Transform rewrites the host or the URL before the request goes to a target.
type Transform struct {
	Type     string // "host-header-rewrite" or "url-rewrite"
	Rewrites []Rewrite
}

// Rewrite is a regular expression and its replacement.
type Rewrite struct{ Regex, Replace string }
