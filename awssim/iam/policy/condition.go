package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Condition is one operator over one key: it holds when a value of the key in the request compares with one of Values,
// or with none of them for the negated operators.
type Condition struct {
	Operator string // as written, such as ForAllValues:StringLikeIfExists
	Key      string // in lower case, since keys are compared without regard to it
	Values   []string

	is         operator
	quantifier quantifier
	ifExists   bool
}

// quantifier is how a key of several values is compared.
type quantifier int

const (
	single   quantifier = iota // any of the values; none for a negated operator
	allOf                      // ForAllValues: each value; true without any
	anyValue                   // ForAnyValue: one value at least; false without any
)

var quantifiers = map[string]quantifier{"ForAllValues:": allOf, "ForAnyValue:": anyValue}

// Context is the values of a request's condition keys. Keys are in lower case; Set and Get see to that.
type Context map[string][]string

// Set gives a key its values; without values the key is present and empty.
func (c Context) Set(key string, values ...string) {
	c[strings.ToLower(key)] = append([]string{}, values...)
}

// Get is the values of a key, and whether it is present.
func (c Context) Get(key string) ([]string, bool) {
	v, ok := c[strings.ToLower(key)]
	return v, ok
}

// conditions reads a Condition element, in the order of operators and keys.
func conditions(raw json.RawMessage) ([]Condition, error) {
	var operators map[string]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &operators); err != nil {
		return nil, fmt.Errorf("is not an object of operators, each with an object of keys")
	}
	var list []Condition
	for written, keys := range operators {
		prototype, err := operatorNamed(written)
		if err != nil {
			return nil, err
		}
		for key, value := range keys {
			c := prototype
			c.Key = strings.ToLower(key)
			c.Values, err = scalars(value, conditionValue)
			if err == nil && len(c.Values) == 0 {
				err = fmt.Errorf("has no value")
			}
			for _, v := range c.Values {
				if err == nil && c.is.valid != nil && !strings.Contains(v, "${") && !c.is.valid(v) {
					err = fmt.Errorf("%q is not %s", v, c.is.wants)
				}
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", written, key, err)
			}
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(x, y Condition) int {
		return strings.Compare(x.Operator+"\x00"+x.Key, y.Operator+"\x00"+y.Key)
	})
	return list, nil
}

// conditionValue accepts strings, and numbers and booleans without their quotes.
func conditionValue(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

func operatorNamed(written string) (Condition, error) {
	c := Condition{Operator: written}
	name := written
	for prefix, q := range quantifiers {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			c.quantifier, name = q, rest
		}
	}
	if c.is = operators[name]; c.is.name != "" {
		return c, nil
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	if c.is = operators[name]; c.is.name == "" || !c.ifExists || c.is.name == "Null" {
		return c, fmt.Errorf("%s: not a condition operator", written)
	}
	return c, nil
}

// matches decides the condition for a request's context.
func (c *Condition) matches(context Context, variables bool) bool {
	have, present := context[c.Key]
	if c.is.name == "Null" {
		return slices.Contains(c.Values, strconv.FormatBool(!present))
	}
	if !present && c.ifExists {
		return true
	}
	wanted := make([]string, 0, len(c.Values))
	for _, v := range c.Values {
		if v, ok := expand(v, context, variables, c.is.wild); ok {
			wanted = append(wanted, v)
		}
	}
	matches := func(value string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return c.is.compare(value, w) })
	}
	switch c.quantifier {
	case allOf:
		for _, v := range have {
			if matches(v) == c.is.negated {
				return false
			}
		}
		return true
	case anyValue:
		return slices.ContainsFunc(have, func(v string) bool { return matches(v) != c.is.negated })
	default: // an absent key matches nothing, as a negated operator requires
		return slices.ContainsFunc(have, matches) != c.is.negated
	}
}
