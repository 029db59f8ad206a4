package doctor

import "github.com/k8s-lbc/lbc/internal/kube/definition"

// Definition is what is compared of a CustomResourceDefinition.
type Definition = definition.Definition
