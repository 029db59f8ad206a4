package stackjson

import "github.com/k8s-lbc/lbc/internal/stack"

type rule struct {
	ListenerARN any               `json:"listenerARN"`
	Priority    int32             `json:"priority"`
	Actions     []action          `json:"actions"`
	Conditions  []condition       `json:"conditions"`
	Transforms  []transform       `json:"transforms,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

func ofRule(r stack.Rule) rule {
	out := rule{ListenerARN: reference(r.Listener), Priority: r.Order, Actions: ofActions(r.Actions), Conditions: []condition{}, Tags: r.Tags}
	for _, c := range r.Conditions {
		out.Conditions = append(out.Conditions, ofCondition(c))
	}
	for _, t := range r.Transforms {
		out.Transforms = append(out.Transforms, ofTransform(t))
	}
	return out
}

type condition struct {
	Field         string       `json:"field"`
	HostHeader    *texts       `json:"hostHeaderConfig,omitempty"`
	HTTPHeader    *httpHeader  `json:"httpHeaderConfig,omitempty"`
	RequestMethod *values      `json:"httpRequestMethodConfig,omitempty"`
	PathPattern   *texts       `json:"pathPatternConfig,omitempty"`
	QueryString   *queryString `json:"queryStringConfig,omitempty"`
	SourceIP      *values      `json:"sourceIPConfig,omitempty"`
}

type texts struct {
	Values      []string `json:"values,omitempty"`
	RegexValues []string `json:"regexValues,omitempty"`
}

type httpHeader struct {
	Name string `json:"httpHeaderName"`
	texts
}

type values struct {
	Values []string `json:"values"`
}

type queryString struct {
	Values []queryValue `json:"values"`
}

type queryValue struct {
	Key   string `json:"key,omitempty"`
	Value string `json:"value"`
}

func ofCondition(c stack.Condition) condition {
	out := condition{Field: string(c.Field)}
	t := texts{c.Values, c.Regex}
	switch c.Field {
	case stack.HostHeader:
		out.HostHeader = &t
	case stack.PathPattern:
		out.PathPattern = &t
	case stack.HTTPHeader:
		out.HTTPHeader = &httpHeader{c.HeaderName, t}
	case stack.RequestMethod:
		out.RequestMethod = &values{c.Values}
	case stack.SourceIP:
		out.SourceIP = &values{c.Values}
	case stack.QueryString:
		out.QueryString = &queryString{}
		for _, q := range c.Query {
			out.QueryString.Values = append(out.QueryString.Values, queryValue{q.Key, q.Value})
		}
	}
	return out
}

type transform struct {
	Type string    `json:"type"`
	URL  *rewrites `json:"urlRewriteConfig,omitempty"`
	Host *rewrites `json:"hostHeaderRewriteConfig,omitempty"`
}

type rewrites struct {
	Rewrites []rewrite `json:"rewrites"`
}

type rewrite struct {
	Regex   string `json:"regex"`
	Replace string `json:"replace"`
}

func ofTransform(t stack.Transform) transform {
	rs := &rewrites{Rewrites: make([]rewrite, 0, len(t.Rewrites))}
	for _, r := range t.Rewrites {
		rs.Rewrites = append(rs.Rewrites, rewrite{r.Regex, r.Replace})
	}
	if t.Type == "host-header-rewrite" {
		return transform{Type: t.Type, Host: rs}
	}
	return transform{Type: t.Type, URL: rs}
}
