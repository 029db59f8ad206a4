package policy

import "strings"

// Wildcards of a pattern after expansion, from Unicode's private use area, so that the values of variables, which stand
// for themselves, may hold asterisks and question marks.
const (
	anyRun = '\uE000' // *
	anyOne = '\uE001' // ?
)

var wildcards = strings.NewReplacer("*", string(anyRun), "?", string(anyOne))

// expand replaces the variables of a value: ${aws:username}, ${aws:PrincipalTag/team, 'none'} with a default, and ${*},
// ${?} and ${$} for the characters themselves. With wild, asterisks and question marks outside of variables become
// wildcards. It fails for a variable that the context has no single value for: such a value matches nothing.
func expand(v string, context Context, variables, wild bool) (string, bool) {
	plain := func(s string) string {
		if wild {
			return wildcards.Replace(s)
		}
		return s
	}
	if !variables || !strings.Contains(v, "${") {
		return plain(v), true
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(v, "${")
		b.WriteString(plain(before))
		if !found {
			return b.String(), true
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString(plain("${" + rest))
			return b.String(), true
		}
		v = after
		name, fallback, hasFallback := strings.Cut(name, ",")
		name = strings.TrimSpace(name)
		if name == "*" || name == "?" || name == "$" {
			b.WriteString(name)
			continue
		}
		have, _ := context.Get(name)
		switch {
		case len(have) == 1:
			b.WriteString(have[0])
		case hasFallback:
			b.WriteString(strings.Trim(strings.TrimSpace(fallback), "'"))
		default:
			return "", false
		}
	}
}

// glob reports whether the whole of s fits an expanded pattern.
func glob(pattern, s string) bool {
	p, r := []rune(pattern), []rune(s)
	star, mark, i, j := -1, 0, 0, 0
	for j < len(r) {
		switch {
		case i < len(p) && p[i] == anyRun:
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == anyOne || p[i] == r[j]):
			i++
			j++
		case star >= 0: // let the last * take one more
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == anyRun {
		i++
	}
	return i == len(p)
}

// arnParts is the number of parts of an ARN: arn, partition, service, region, account, resource.
const arnParts = 6

// arnMatches compares an ARN with an expanded pattern part by part, so that a wildcard does not reach over the colons
// before the last part. A lone * matches anything; what is no ARN, such as the * that a call without resource is
// checked on, is matched by nothing else.
func arnMatches(pattern, arn string) bool {
	if pattern == string(anyRun) {
		return true
	}
	p, a := strings.SplitN(pattern, ":", arnParts), strings.SplitN(arn, ":", arnParts)
	if len(p) != arnParts || len(a) != arnParts {
		return false
	}
	for i := range p {
		if !glob(p[i], a[i]) {
			return false
		}
	}
	return true
}

// actionMatches compares an action with a pattern, without regard to case.
func actionMatches(pattern, action string) bool {
	return glob(wildcards.Replace(strings.ToLower(pattern)), strings.ToLower(action))
}
