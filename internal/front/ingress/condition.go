package ingress

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// conditions are the conditions of an annotation, those on host and path apart.
type conditions struct {
	others             []stack.Condition
	hosts, hostRegexes []string
	paths, pathRegexes []string
	malformed          bool // which is reported
}

// unread stands for hosts or paths that cannot be read, as a regular expression that AWS refuses: the compiler finds
// conditions for at least their requests.
const unread = "*"

// maxIdle bounds the conditions of an annotation, and parts of them, that are reported as without effect.
const maxIdle = 10

// conditionsOf are the conditions of the annotation for a Service name.
func (t *translation) conditionsOf(service string) *conditions {
	if c, ok := t.conditions[service]; ok {
		return c
	}
	k := annotation.Conditions.For(service)
	c := &conditions{}
	if raw, _, ok := t.read.Raw(k); ok {
		field := annotation.Unmarshal[[]planjson.Condition](t.read, k)
		if c.malformed = !field.Set; c.malformed {
			c.salvage(planjson.Condition{Field: raw})
		}
		idle := 0
		note := func(text, remedy string) (told bool) {
			if idle++; idle <= maxIdle {
				t.findings.Add(diag.New(Object(t.ingress), k.Path(), diag.GuardNotApplied, text+" has no effect", remedy).In(
					diag.Route))
			}
			return idle <= maxIdle
		}
		for i, j := range field.Value {
			problem := c.add(j)
			if problem != "" {
				c.salvage(j)
			}
			switch {
			case c.malformed: // one finding is enough
				continue
			case problem != "":
				t.read.Invalid(k, fmt.Sprintf("condition %d: %s", i, problem), "")
				c.malformed = true
				continue
			case !knownFields[j.Field]:
				text := fmt.Sprintf("condition %d: field %q is unknown", i, j.Field)
				if note(text+" and", "use host-header, path-pattern, http-header, http-request-method, query-string or "+
					"source-ip") {
					t.read.Misspell(k, fmt.Sprintf("[%d].field", i), text, true)
				}
				continue
			}
			for _, other := range othersOf(j) {
				note(fmt.Sprintf("condition %d: %s beside field %s", i, other, j.Field),
					"write a condition for each field, or remove it")
			}
		}
	}
	t.conditions[service] = c
	return c
}

// salvage adds what a malformed condition may say about hosts and paths, to which a rule then answers an error.
func (c *conditions) salvage(j planjson.Condition) {
	of := func(field stack.ConditionField, word string, config *planjson.Texts, values, regexes *[]string) {
		switch {
		case config != nil && len(config.Values)+len(config.Regex) > 0 && j.Field == string(field):
			*values, *regexes = append(*values, config.Values...), append(*regexes, config.Regex...)
		case config != nil || strings.Contains(strings.ToLower(j.Field), word):
			*regexes = append(*regexes, unread)
		}
	}
	of(stack.HostHeader, "host", j.HostHeader, &c.hosts, &c.hostRegexes)
	of(stack.PathPattern, "path", j.PathPattern, &c.paths, &c.pathRegexes)
}

// othersOf are the parts of a condition for other fields than its own.
func othersOf(j planjson.Condition) (names []string) {
	for _, part := range []struct {
		name string
		set  bool
		of   stack.ConditionField
	}{
		{"hostHeaderConfig", j.HostHeader != nil, stack.HostHeader},
		{"httpHeaderConfig", j.HTTPHeader != nil, stack.HTTPHeader},
		{"httpRequestMethodConfig", j.RequestMethod != nil, stack.RequestMethod},
		{"pathPatternConfig", j.PathPattern != nil, stack.PathPattern},
		{"queryStringConfig", j.QueryString != nil, stack.QueryString},
		{"sourceIPConfig", j.SourceIP != nil, stack.SourceIP},
	} {
		if part.set && string(part.of) != j.Field {
			names = append(names, part.name)
		}
	}
	return names
}

var knownFields = map[string]bool{
	string(stack.HostHeader): true, string(stack.PathPattern): true, string(stack.HTTPHeader): true,
	string(stack.RequestMethod): true, string(stack.QueryString): true, string(stack.SourceIP): true,
}

// add adds one condition, or returns what is wrong with it.
func (c *conditions) add(j planjson.Condition) (problem string) {
	switch stack.ConditionField(j.Field) {
	case stack.HostHeader:
		if problem = either("hostHeaderConfig", j.HostHeader); problem == "" {
			c.hosts, c.hostRegexes = append(c.hosts, j.HostHeader.Values...), append(c.hostRegexes, j.HostHeader.Regex...)
		}
	case stack.PathPattern:
		if problem = either("pathPatternConfig", j.PathPattern); problem == "" {
			c.paths, c.pathRegexes = append(c.paths, j.PathPattern.Values...), append(c.pathRegexes, j.PathPattern.Regex...)
		}
	case stack.HTTPHeader:
		h := j.HTTPHeader
		if h == nil {
			return "missing httpHeaderConfig"
		}
		if problem = either("httpHeaderConfig", &planjson.Texts{Values: h.Values, Regex: h.Regex}); problem == "" {
			c.others = append(c.others, stack.Condition{Field: stack.HTTPHeader, HeaderName: h.Name, Values: h.Values,
				Regex: h.Regex})
		}
	case stack.RequestMethod:
		return c.addValues(stack.RequestMethod, "httpRequestMethodConfig", j.RequestMethod, method)
	case stack.SourceIP:
		return c.addValues(stack.SourceIP, "sourceIPConfig", j.SourceIP, addressRange)
	case stack.QueryString:
		return c.addQuery(j.QueryString)
	}
	return problem
}

func (c *conditions) addValues(field stack.ConditionField, config string, j *planjson.Texts,
	check func(string) string) (problem string) {
	switch {
	case j == nil:
		return "missing " + config
	case len(j.Values) == 0:
		return "invalid " + config + ": values cannot be empty"
	}
	for _, v := range j.Values {
		if problem := check(v); problem != "" {
			return "invalid " + config + ": " + problem
		}
	}
	c.others = append(c.others, stack.Condition{Field: field, Values: j.Values})
	return ""
}

// method checks a request method as AWS does.
func method(v string) (problem string) {
	if v == "" || len(v) > 40 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" {
		return fmt.Sprintf("%q is not a request method in capital letters", v)
	}
	return ""
}

func addressRange(v string) (problem string) {
	problem, _ = annotation.RangeProblem(v)
	return problem
}

func (c *conditions) addQuery(j *planjson.QueryString) (problem string) {
	switch {
	case j == nil:
		return "missing queryStringConfig"
	case len(j.Values) == 0:
		return "invalid queryStringConfig: Values cannot be empty"
	}
	q := stack.Condition{Field: stack.QueryString}
	for _, v := range j.Values {
		if v.Value == "" {
			return "invalid queryStringConfig: value cannot be empty"
		}
		q.Query = append(q.Query, stack.QueryValue(v))
	}
	c.others = append(c.others, q)
	return ""
}

// either checks that precisely one of values and regular expressions is given.
func either(config string, j *planjson.Texts) (problem string) {
	switch {
	case j == nil:
		return "missing " + config
	case len(j.Values)+len(j.Regex) == 0:
		return "invalid " + config + ": values or regexValues must be specified"
	case len(j.Values) > 0 && len(j.Regex) > 0:
		return "invalid " + config + ": precisely one of values and regexValues can be specified"
	}
	return ""
}

// maxValues is how many values the rules of one route may have together: at most a hundred rules. maxOthers is more
// than the conditions that a rule may have.
const (
	maxValues = 100 * stack.MaxConditionValues
	maxOthers = 20 * stack.MaxConditionValues
)

// with joins the conditions of the annotation with those of a rule's host and path, in the order others, host, path.
// Without any condition, the result matches every path.
func (c *conditions) with(host string, patterns []string, expression string) (out []stack.Condition, problem string) {
	// before each path gets a copy of them
	if n := len(c.hosts) + len(c.hostRegexes) + len(c.paths) + len(c.pathRegexes); n > maxValues {
		return nil, fmt.Sprintf("the conditions have %d values of hosts and paths, and %d are too many for any "+
			"number of rules", n, maxValues)
	}
	if n := len(c.others); n > maxOthers {
		return nil, fmt.Sprintf("the rule has %d conditions, AWS allows %d condition values", n, stack.MaxConditionValues)
	}
	var hosts []string
	if host != "" {
		hosts = []string{host}
	}
	hosts = append(hosts, c.hosts...)
	paths := append(append([]string(nil), patterns...), c.paths...)
	regexes := append([]string(nil), c.pathRegexes...)
	if expression != "" {
		regexes = append([]string{expression}, regexes...)
	}
	if len(hosts) > 0 && len(c.hostRegexes) > 0 {
		return nil, "host condition must specify exactly one of Values and RegexValues"
	}
	if len(paths) > 0 && len(regexes) > 0 {
		return nil, "path condition must specify exactly one of Values and RegexValues"
	}
	out = append(out, c.others...)
	if len(hosts)+len(c.hostRegexes) > 0 {
		out = append(out, stack.Condition{Field: stack.HostHeader, Values: hosts, Regex: c.hostRegexes})
	}
	if len(paths)+len(regexes) > 0 {
		out = append(out, stack.Condition{Field: stack.PathPattern, Values: paths, Regex: regexes})
	}
	if len(out) == 0 {
		out = append(out, stack.Condition{Field: stack.PathPattern, Values: []string{"/*"}})
	}
	return out, ""
}

// cover are conditions of rules that together match at least the requests of a path whose conditions are invalid.
func (c *conditions) cover(host string, patterns []string, expression string) (out [][]stack.Condition) {
	others := c.others
	if len(others) > maxOthers {
		others = nil
	}
	var hosts, expressions []string
	if host != "" {
		hosts = []string{host}
	}
	if expression != "" {
		expressions = []string{expression}
	}
	paths := alternatives(stack.PathPattern, [2][]string{patterns, c.paths}, [2][]string{expressions, c.pathRegexes})
	for _, h := range alternatives(stack.HostHeader, [2][]string{hosts, c.hosts}, [2][]string{nil, c.hostRegexes}) {
		for _, p := range paths {
			one := slices.Concat(others, h, p)
			if len(one) == 0 {
				one = []stack.Condition{{Field: stack.PathPattern, Values: []string{"/*"}}}
			}
			out = append(out, one)
		}
	}
	return out
}

// alternatives are conditions on a field for several rules: AWS allows either values or regular expressions in one.
func alternatives(field stack.ConditionField, values, regexes [2][]string) (out [][]stack.Condition) {
	nv, nr := len(values[0])+len(values[1]), len(regexes[0])+len(regexes[1])
	switch {
	case nv+nr > maxValues: // before each path gets a copy of them
		return [][]stack.Condition{{{Field: field, Regex: []string{unread}}}}
	case nv+nr == 0:
		return [][]stack.Condition{nil}
	}
	if nv > 0 {
		out = append(out, []stack.Condition{{Field: field, Values: slices.Concat(values[:]...)}})
	}
	if nr > 0 {
		out = append(out, []stack.Condition{{Field: field, Regex: slices.Concat(regexes[:]...)}})
	}
	return out
}

// transformsOf are the rewrites of the annotation for a Service name; nil if it is malformed.
func (t *translation) transformsOf(service string) *[]stack.Transform {
	if list, ok := t.transforms[service]; ok {
		return list
	}
	k := annotation.Transforms.For(service)
	list := new([]stack.Transform)
	if _, _, ok := t.read.Raw(k); ok {
		field := annotation.Unmarshal[[]planjson.Transform](t.read, k)
		if !field.Set {
			list = nil
		}
		for i, j := range field.Value {
			one, problem := transform(j)
			if problem != "" {
				t.read.Invalid(k, fmt.Sprintf("transform %d: %s", i, problem), "")
				list = nil
				break
			}
			if other := otherRewrite(j); other != "" {
				t.read.Ignored(k, fmt.Sprintf("transform %d: %s has no effect beside type %s", i, other, j.Type),
					"write a transform for each type, or remove it")
			}
			*list = append(*list, one)
		}
	}
	t.transforms[service] = list
	return list
}

// otherRewrite is the part of a transform for the other type; empty = it has none.
func otherRewrite(j planjson.Transform) string {
	switch {
	case j.Type == "url-rewrite" && j.Host != nil:
		return "hostHeaderRewriteConfig"
	case j.Type == "host-header-rewrite" && j.URL != nil:
		return "urlRewriteConfig"
	}
	return ""
}

// transform reads one rewrite, or returns what is wrong with it.
func transform(j planjson.Transform) (out stack.Transform, problem string) {
	config, name := j.URL, "urlRewriteConfig"
	switch j.Type {
	case "url-rewrite":
	case "host-header-rewrite":
		config, name = j.Host, "hostHeaderRewriteConfig"
	default:
		return out, "unknown transform type: " + j.Type
	}
	if config == nil {
		return out, "missing " + name
	}
	if len(config.Rewrites) == 0 {
		return out, name + ".rewrites cannot be empty"
	}
	out.Type = j.Type
	for _, r := range config.Rewrites {
		out.Rewrites = append(out.Rewrites, stack.Rewrite(r))
	}
	return out, ""
}
