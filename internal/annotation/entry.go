package annotation

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
)

// Syntax is the grammar of a value.
type Syntax string

// The grammars; decode.go defines them.
const (
	String Syntax = "string" // taken as it is, not trimmed
	Bool   Syntax = "bool"   // as strconv.ParseBool
	Int32  Syntax = "int32"  // decimal
	Int64  Syntax = "int64"  // decimal
	List   Syntax = "list"   // comma separated
	Map    Syntax = "map"    // key=value, comma separated
	JSON   Syntax = "json"   // member names without regard to case, unknown members ignored
)

// Scope tells on which objects an annotation is read.
type Scope string

// The scopes.
const (
	OnIngress Scope = "Ingress"
	OnBoth    Scope = "Ingress, backend Service" // the Service's value wins
	OnService Scope = "Service"
	OnPod     Scope = "Pod"
	Written   Scope = "written by the controller"
)

// Entry is what the table knows of one annotation.
type Entry struct {
	Key    Key
	Family string // what follows a Key that ends in a dot, for people: "<protocol>-<port>"
	Syntax Syntax
	Scope  Scope
	// Costs is what a value that cannot be understood costs.
	Costs diag.Scope
	// Holds names the setting if its absence deletes, replaces or opens something: a misspelt key in the place of the annotation is then
	// as a value that cannot be understood. Empty = its absence does not.
	Holds string
	// Class is the field of IngressClassParams that takes precedence; empty = none.
	Class string
	// Default is the value if the annotation is absent, for people; empty = the feature is not used.
	Default string
	// Merge tells how the values of a group's members combine; empty = they never meet.
	Merge string
	// Values are the only ones admitted, if any; Complaint is the beginning of the message about another one.
	Values    []string
	Complaint string
	// Min and Max bound numbers if they differ. They are AWS's bounds: a value outside could only fail later.
	Min, Max int64
	Doc      string
	Example  string
	// Built tells whether this version acts on the annotation.
	Built bool
}

// Merge rules.
const (
	agree   = "members must agree"
	perPort = "members must agree, per port"
	perKey  = "members must agree, per key"
	union   = "union, per port"
)

// entries is the table, and table its index. Both are built once and never change.
var (
	entries = append(ingressEntries(), serviceEntries()...)
	table   = index()
)

func index() map[Key]Entry {
	m := make(map[Key]Entry, len(entries))
	for _, e := range entries {
		m[e.Key] = e
	}
	return m
}

// Entries returns the table: Ingress annotations, then those of Services, in reading order.
func Entries() []Entry { return slices.Clone(entries) }

// Lookup finds the entry of a key; of the longest family that it belongs to, if it is not an entry itself.
func Lookup(k Key) (Entry, bool) {
	if e, ok := table[k]; ok && !strings.HasSuffix(string(k), ".") {
		return e, true
	}
	for i := strings.LastIndexByte(string(k), '.'); i > 0; i = strings.LastIndexByte(string(k[:i]), '.') {
		if e, ok := table[k[:i+1]]; ok && i+1 < len(k) {
			return e, true
		}
	}
	return Entry{}, false
}
