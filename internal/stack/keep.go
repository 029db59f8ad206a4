package stack

// Keep is what stays as AWS holds it, whatever a Stack has: an input of the diff beside the stack, because what should be there is not
// known. The zero value keeps nothing.
type Keep struct {
	// Resources are neither changed nor deleted although the stack may lack them, nor is what hangs on them: a listener keeps its rules.
	// A reference of kind Certificate without identity means all certificates of the stack.
	Resources []Ref `json:"resources,omitempty"`
	// Actions are rules and listeners of the stack. A rule does what AWS does now for its conditions, a listener has the default actions
	// that AWS holds. Those of the stack are for where AWS has none.
	Actions []Ref `json:"actions,omitempty"`
	// Rules are existing rules that the stack lacks, by the identity of the listener.
	Rules map[string]KeptRules `json:"rules,omitempty"`
	// Settings are load balancers, security groups, listeners, certificates and tags. Only rules, target groups and bindings become as they
	// are in the stack, on listeners that exist. Where AWS holds no load balancer, nothing is planned.
	Settings bool `json:"settings,omitempty"`
	// SeenNamespace is that of all objects that the stack was made of, where those of other namespaces cannot be seen: only rules and target
	// groups that are known to be of its objects go. Empty = all objects were seen. It needs Settings.
	SeenNamespace string `json:"seenNamespace,omitempty"`
}

// KeptRules are the rules that may be of a member whose rules are not known now: those that forward to a target group whose identity begins
// with one of the prefixes, and those that forward to no target group of the stack.
type KeptRules struct {
	Prefixes []string `json:"prefixes"`
	// Except are identities that begin so, but whose target groups are known to be of others.
	Except []string `json:"except,omitempty"`
}
