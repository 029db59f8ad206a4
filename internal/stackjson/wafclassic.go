package stackjson

import "github.com/k8s-lbc/lbc/internal/stack"

const typeClassicWebACL = "AWS::WAFRegional::WebACLAssociation"

type classicWebACL struct {
	ID          string `json:"webACLID"`
	ResourceARN any    `json:"resourceARN"`
}

func putClassicWebACL(lb stack.LoadBalancer, on any, put func(kind, id string, spec any)) {
	if lb.ClassicWebACL != nil {
		put(typeClassicWebACL, lb.ID, classicWebACL{*lb.ClassicWebACL, on})
	}
}
