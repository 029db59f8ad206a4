package ingress

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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
