package objects

import (
	"crypto/sha256"
	"encoding/hex"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// HashDigits is the number of digits of a NameHash.
const HashDigits = 16

// NameHash returns the hash by which a shortened name shows the name that it stands for.
func NameHash(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:HashDigits]
}

// LongNameRef returns the reference with which objects in a namespace name objects whose names have a hash.
func LongNameRef(namespace, hash string) Ref {
	return Ref{Kind: LongName, Namespace: namespace, Name: hash}
}

// longName adds the hash of a name that is too long for a label.
func (n *names) longName(o metav1.Object) {
	if len(o.GetName()) > validation.LabelValueMaxLength {
		n.found = append(n.found, LongNameRef(o.GetNamespace(), NameHash(o.GetName())))
	}
}
