package routing

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	maxConditionValue = 128
	maxHeaderName     = 40
	maxMethod         = 40
)

// conditionField is the grammar of one field.
type conditionField struct {
	config  string // name of its configuration
	single  bool   // at most one such condition in a rule
	legacy  bool   // may be given by Values alone
	regexes bool
	check   func(value string) error
	// wildcards reports how many wildcards a value has.
	wildcards func(value string) int
}

var (
	hostCharacters   = regexp.MustCompile(`^[A-Za-z0-9\-.*?]*$`)
	hostEnd          = regexp.MustCompile(`^[A-Za-z*?]*$`)
	pathCharacters   = regexp.MustCompile("^[A-Za-z0-9_\\-.$/~\"'@:+&*?]*$")
	methodCharacters = regexp.MustCompile(`^[A-Z\-_]+$`)
)

// HeaderToken is the form of names of headers.
var HeaderToken = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// fieldNames is the fields in the order that AWS lists them in messages.
var fieldNames = []string{"path-pattern", "host-header", "http-header", "http-request-method", "query-string",
	"source-ip"}

var conditionFields = map[stack.ConditionField]conditionField{
	stack.HostHeader:    {"HostHeaderConfig", true, true, true, checkHost, countWildcards},
	stack.PathPattern:   {"PathPatternConfig", true, true, true, checkPath, countWildcards},
	stack.HTTPHeader:    {"HttpHeaderConfig", false, false, true, checkValue, countWildcards},
	stack.RequestMethod: {"HttpRequestMethodConfig", true, false, false, checkMethod, noWildcards},
	stack.QueryString:   {"QueryStringConfig", false, false, false, checkValue, countEscapedWildcards},
	stack.SourceIP:      {"SourceIpConfig", true, false, false, checkSource, noWildcards},
}

func checkHost(v string) error {
	end := v[strings.LastIndex(v, ".")+1:]
	return check.First(
		check.AtMost("hostHeaderConfig.values.member", v, maxConditionValue),
		check.When(!hostCharacters.MatchString(v), check.Invalid("The host header value '%s' contains invalid characters",
			v)),
		check.When(!strings.Contains(v, "."), check.Invalid("The host header value '%s' must contain at least one "+
			"'.' character", v)),
		check.When(!hostEnd.MatchString(end), check.Invalid("The host header value '%s' can contain only alphabetic "+
			"characters after the final '.' character", v)),
	)
}

func checkPath(v string) error {
	return check.First(check.AtMost("pathPatternConfig.values.member", v, maxConditionValue),
		check.When(!pathCharacters.MatchString(v), check.Invalid("The path pattern value '%s' contains invalid characters",
			v)))
}

func checkValue(v string) error { return check.AtMost("values.member", v, maxConditionValue) }

func checkMethod(v string) error {
	return check.First(check.AtMost("httpRequestMethodConfig.values.member", v, maxMethod),
		check.When(!methodCharacters.MatchString(v), check.Invalid("The HTTP request method '%s' is not valid: it can "+
			"contain only uppercase letters, hyphens and underscores", v)))
}

func checkSource(v string) error {
	_, err := netip.ParsePrefix(v)
	return check.When(err != nil || v == "255.255.255.255/32", check.Invalid("The CIDR block '%s' is not valid", v))
}

func countWildcards(v string) int { return strings.Count(v, "*") + strings.Count(v, "?") }
func noWildcards(string) int      { return 0 }

// countEscapedWildcards is countWildcards where a backslash takes a wildcard's meaning.
func countEscapedWildcards(v string) int {
	return countWildcards(strings.NewReplacer(`\\`, "", `\*`, "", `\?`, "").Replace(v))
}

// Conditions converts and checks the conditions of a rule.
func Conditions(a *account.Account, in []types.RuleCondition) ([]stack.Condition, error) {
	if len(in) == 0 {
		return nil, check.Invalid("A condition must be specified")
	}
	var out []stack.Condition
	values, wildcards := 0, 0
	for _, c := range in {
		converted, err := condition(c)
		if err != nil {
			return nil, err
		}
		field := conditionFields[converted.Field]
		if field.single && slices.ContainsFunc(out, func(o stack.Condition) bool { return o.Field == converted.Field }) {
			return nil, check.Invalid("A rule can only have one '%s' condition", converted.Field)
		}
		converted.Values, converted.Regex = slices.Clone(converted.Values), slices.Clone(converted.Regex)
		values += len(converted.Values) + len(converted.Regex) + len(converted.Query)
		for _, v := range converted.Values {
			wildcards += field.wildcards(v)
		}
		for _, q := range converted.Query {
			wildcards += field.wildcards(q.Key) + field.wildcards(q.Value)
		}
		out = append(out, converted)
	}
	return out, check.First(
		check.When(values > a.Quota(request.QuotaConditionValues), check.Invalid("A rule can only have '%d' condition values",
			a.Quota(request.QuotaConditionValues))),
		check.When(wildcards > a.Quota(request.QuotaConditionWildcards),
			check.Invalid("A rule can only have '%d' condition wildcards", a.Quota(request.QuotaConditionWildcards))),
	)
}

// condition converts and checks one condition.
func condition(c types.RuleCondition) (stack.Condition, error) {
	out := stack.Condition{Field: stack.ConditionField(aws.ToString(c.Field))}
	field, ok := conditionFields[out.Field]
	if !ok {
		return out, check.Invalid("Condition field '%s' must be one of '[%s]'", out.Field, strings.Join(fieldNames, ","))
	}
	configured, err := configure(&out, c)
	switch {
	case err != nil:
		return out, err
	case configured && len(c.Values) > 0:
		return out, check.Invalid("You cannot provide both Values and '%s' for a condition of type '%s'",
			field.config, out.Field)
	case !configured && len(c.Values) > 0 && !field.legacy:
		return out, check.Invalid("The 'Values' field is not compatible with '%s'", out.Field)
	case !configured && len(c.Values) > 1:
		return out, check.Invalid("A condition of type '%s' can have only one value in 'Values': use '%s'", out.Field,
			field.config)
	case !configured:
		out.Values, out.Regex = c.Values, c.RegexValues
	}
	switch {
	case len(out.Values)+len(out.Regex)+len(out.Query) == 0:
		return out, check.Invalid("A condition value must be specified")
	case len(out.Values) > 0 && len(out.Regex) > 0:
		return out, check.Invalid("A condition of type '%s' can have either values or regular expression values, not both",
			out.Field)
	case len(out.Regex) > 0 && !field.regexes:
		return out, check.Invalid("The 'RegexValues' field is not compatible with '%s'", out.Field)
	}
	return out, checkCondition(field, out)
}

func checkCondition(field conditionField, c stack.Condition) error {
	for _, v := range c.Values {
		if err := check.First(check.When(v == "", check.Invalid("A condition value must be specified")),
			field.check(v)); err != nil {
			return err
		}
	}
	for _, q := range c.Query {
		if err := check.First(check.When(q.Value == "", check.Invalid("A condition value must be specified")),
			field.check(q.Key), field.check(q.Value)); err != nil {
			return err
		}
	}
	for _, v := range c.Regex {
		if err := checkRegex("regexValues.member", v, maxConditionValue); err != nil {
			return err
		}
	}
	return nil
}

// checkRegex requires a regular expression of AWS's dialect, which is near enough to Go's: neither looks around or
// back. The length comes first, because a long expression takes long to compile.
func checkRegex(field, v string, longest int) error {
	if err := check.AtMost(field, v, longest); err != nil {
		return err
	}
	_, err := regexp.Compile(v)
	return check.When(err != nil || v == "", check.Invalid("The regular expression '%s' is not valid", v))
}

// configure reads the configuration of the condition's field, and reports whether there is one. Configurations of other
// fields are refused.
func configure(out *stack.Condition, c types.RuleCondition) (bool, error) {
	given := map[stack.ConditionField]bool{
		stack.HostHeader: c.HostHeaderConfig != nil, stack.PathPattern: c.PathPatternConfig != nil,
		stack.HTTPHeader:    c.HttpHeaderConfig != nil,
		stack.RequestMethod: c.HttpRequestMethodConfig != nil, stack.QueryString: c.QueryStringConfig != nil,
		stack.SourceIP: c.SourceIpConfig != nil,
	}
	for _, name := range fieldNames {
		if field := stack.ConditionField(name); given[field] && field != out.Field {
			return false, check.Invalid("The '%s' field is not compatible with '%s'", conditionFields[field].config, out.Field)
		}
	}
	if !given[out.Field] {
		return false, nil
	}
	switch out.Field {
	case stack.HostHeader:
		out.Values, out.Regex = c.HostHeaderConfig.Values, c.HostHeaderConfig.RegexValues
	case stack.PathPattern:
		out.Values, out.Regex = c.PathPatternConfig.Values, c.PathPatternConfig.RegexValues
	case stack.HTTPHeader:
		out.HeaderName = aws.ToString(c.HttpHeaderConfig.HttpHeaderName)
		out.Values, out.Regex = c.HttpHeaderConfig.Values, c.HttpHeaderConfig.RegexValues
		return true, check.First(
			check.When(out.HeaderName == "", check.Invalid("An HTTP header name must be specified")),
			check.AtMost("httpHeaderConfig.httpHeaderName", out.HeaderName, maxHeaderName),
			check.When(!HeaderToken.MatchString(out.HeaderName), check.Invalid("The HTTP header name '%s' is not valid",
				out.HeaderName)),
			check.When(strings.EqualFold(out.HeaderName, "host"),
				check.Invalid("The HTTP header name 'host' is not supported: use a condition of type 'host-header'")),
		)
	case stack.RequestMethod:
		out.Values = c.HttpRequestMethodConfig.Values
	case stack.QueryString:
		for _, q := range c.QueryStringConfig.Values {
			out.Query = append(out.Query, stack.QueryValue{Key: aws.ToString(q.Key), Value: aws.ToString(q.Value)})
		}
	case stack.SourceIP:
		out.Values = c.SourceIpConfig.Values
	}
	return true, nil
}

// DescribeConditions converts to the SDK's form, which repeats host and path values in the field of old.
func DescribeConditions(conditions []stack.Condition) []types.RuleCondition {
	out := make([]types.RuleCondition, len(conditions))
	for i, c := range conditions {
		c.Values, c.Regex = slices.Clone(c.Values), slices.Clone(c.Regex)
		d := types.RuleCondition{Field: aws.String(string(c.Field))}
		switch c.Field {
		case stack.HostHeader:
			d.Values, d.RegexValues = slices.Clone(c.Values), slices.Clone(c.Regex)
			d.HostHeaderConfig = &types.HostHeaderConditionConfig{Values: c.Values, RegexValues: c.Regex}
		case stack.PathPattern:
			d.Values, d.RegexValues = slices.Clone(c.Values), slices.Clone(c.Regex)
			d.PathPatternConfig = &types.PathPatternConditionConfig{Values: c.Values, RegexValues: c.Regex}
		case stack.HTTPHeader:
			d.RegexValues = c.Regex
			d.HttpHeaderConfig = &types.HttpHeaderConditionConfig{HttpHeaderName: aws.String(c.HeaderName), Values: c.Values,
				RegexValues: c.Regex}
		case stack.RequestMethod:
			d.HttpRequestMethodConfig = &types.HttpRequestMethodConditionConfig{Values: c.Values}
		case stack.QueryString:
			d.QueryStringConfig = &types.QueryStringConditionConfig{}
			for _, q := range c.Query {
				d.QueryStringConfig.Values = append(d.QueryStringConfig.Values, types.QueryStringKeyValuePair{
					Key: request.Optional(q.Key), Value: aws.String(q.Value)})
			}
		case stack.SourceIP:
			d.SourceIpConfig = &types.SourceIpConditionConfig{Values: c.Values}
		}
		out[i] = d
	}
	return out
}
