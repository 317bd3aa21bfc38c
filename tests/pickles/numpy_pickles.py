"""Pickles that numpy 1.26 and 2 made of common values, each with the text and the type that are shown of it."""

PICKLES = {
    "numpy 1, float64": (
        'fCQCk000000001t6>fEHaCt6cZ*pZWZFOvPX<>45VR@8{26JO!Y+-Vgla!1FZgp*Nd6bL=WOR9OWt5YYi~?pjl!=Iklv0!^O'
        '9PAnJd{pOPD=m(|Nlz=|Ns9>0CbdMLkL_TLGfeE?LU-;lv0!~',
        '0.9312', 'numpy.float64',
    ),
    "numpy 1, float32": (
        'fCQCg000000001t6>fEHaCt6cZ*pZWZFOvPX<>45VR@8{26JO!Y+-Vgla!1FZgp*Nd6bL=WOR9OWt5YYi~?pfl!=Iklv0!^O'
        '9PAnJd{pOPD=m(|Nlz=|Ns9>0CbdMLj=vt%srHblv0!~',
        '0.1', 'numpy.float32',
    ),
    "numpy 1, array": (
        'fCQDg000000001t6>fEHaCt6cZ*pZWZFOvPX<>45VR@8{3}13(V{dMAbaHiLbd-~nj0J9WZE$&%j0bLHVRCX|d6bisO8|wGL'
        'jhuxhm=y3C`$oL0!ssilxPEt1!Q!2aAlN}l#BvtIFyNqhm=y3C`$v30X&pWPEJby|Ns9=|NsC0O8|6~Vu?dA00000000000R'
        'R91000000ssI2000000{{R3000001ONa4000001poj500000lysD0E&',
        '[[0, 1, 2], [3, 4, 5]]', 'numpy.ndarray',
    ),
    "numpy 1, array in protocol 5": (
        'fCZJM000000001t5^i;EaCt6cZ*pZWZgp*Ca%p3fj0<08a&K*7b!KK|a+H&lD3&k)0000000000000000003100000000620'
        '00000009300000000C400000000F500000005MX1#We1aCwxB1!Q!2aAlN}l#BvtIFyNqhm=y3C`$v30X&pWPEJby|Ns9=|N'
        'sC0O8|6~VoL%`1BR500Yj8@lv0!~',
        '[[0, 1, 2], [3, 4, 5]]', 'numpy.ndarray',
    ),
    "numpy 1, texts": (
        'fCQDA000000001t6>fEHaCt6cZ*pZWZFOvPX<>45VR@8{3}13(V{dMAbaHiLbd-~nj0J9WZE$&%j0bLHVRCX|d6bisO8|wGL'
        'jhuxhm=y3C`$oL0)>=l1B?Y^ba`-Pl#`T<0#!4ViHL`kQj{o51B?MYluk}gOAJc{O9*t7Vu?c-VE_OC0000000000VgLXDV*'
        'mgEWB>pFlysD0E&',
        "['a', 'bcd']", 'numpy.ndarray',
    ),
    "numpy 1, metrics": (
        'fCQD5000000001elqie?VRd7aj1_KmZE$%mV{dY0E^T#ebZKF7a$$Ltj0SUKVQgV?l#`T<1#We1aCwxB1!Q!2aAlN}l#BvqI'
        'FyNqhm=y3C`$v30X&pWPEJby|Ns9=|NsC0O8|6~VnYZYh3iqc9_>GrhLlp2i~(+xOAL$yaAk6oU6g19XbM9JnwgoInVGpil!'
        'la2lwox)',
        "{'auc': 0.91, 'n': 12, 'per': [0.1]}", 'dict',
    ),
    "numpy 2, float64": (
        'fCQCl000000001t7H)NIaCt6YV{dY0E^T#ebZKF7a$$Ltj0SUKVQgV?l#`T<1#We1aCwxB1!Q!2aAlN}l#BvqIFyNqhm=y3C'
        '`$v30X&pWPEJby|Ns9=|NsC0O8|6~VnYaAAVKkC%<VsvhLlp2E&',
        '0.9312', 'numpy.float64',
    ),
    "numpy 2, float32": (
        'fCQCh000000001t7H)NIaCt6YV{dY0E^T#ebZKF7a$$Ltj0SUKVQgV?l#`T<1#We1aCwxB1!Q!2aAlN}l#BvqG?a;mhm=y3C'
        '`$v30X&pWPEJby|Ns9=|NsC0O8|6~VnYPY%*;KMhLlp2E&',
        '0.1', 'numpy.float32',
    ),
    "numpy 2, array": (
        'fCQDh000000001t7H)NIaCt6YV{dY0E^T#ebZKF7a$$Ltj0|6LWn*t{b98cbV|0|0l#B&#b!~8Yl#B;%WMOi0VR@93luH1Gl'
        'tTexl!ug3lqgF9O9D#+hLmUnj0I$Ld2nTvla!1CX*iULh=-I?lqgFBi~&59PEJlr|NsC0O8@`=|4RULlwyfPFaQ7m0000000'
        '9610000000IC20000000RI30000000aO40000000jU5000000F-o;VlD',
        '[[0, 1, 2], [3, 4, 5]]', 'numpy.ndarray',
    ),
    "numpy 2, array in protocol 5": (
        'fCZJN000000001t6K-{FaCt6YV{dY0E^c*gWpZg_l#B~sW^!+BVs&O_Wpb30lqi-k0000000000000000000100000000020'
        '00000000300000000040000000005000000001#j0J9WZE$&%j0I$Ld2nTvla!1CX*iULh=-I?lqgFBi~&59PEJlr|NsC0O8'
        '@`=|4RULlwwN)O9O_Ki~&QGbd*w*E&',
        '[[0, 1, 2], [3, 4, 5]]', 'numpy.ndarray',
    ),
    "numpy 2, texts": (
        'fCQDB000000001t7H)NIaCt6YV{dY0E^T#ebZKF7a$$Ltj0|6LWn*t{b98cbV|0|0l#B&#b!~8Yl#B;%WMOi0VR@93luH1Gl'
        'tTexl!ug3lqgF9O9F+IXakG|WOR9OWt5YYi~?0Nl!=Iklv0!^O9PAnJd{pOPD>0+1WO2XlwyfP7-0Ya00000000000Ac_D0A'
        'm0E0Av6F0F-o;VlD',
        "['a', 'bcd']", 'numpy.ndarray',
    ),
    "numpy 2, metrics": (
        'fCQD6000000001elqie?VRd7aj23QnZE$%mUt@1_WiD-XY;<X1a&lpLl#B**V_|Gza+H&lj0J9WZE$&%j0I$Ld2nTvla!1CW'
        ';m3Ih=-I?lqgFBi~&59PEJlr|NsC0O8@`=|4RULlwv~&ABF2txE}34l!la2l#BsxluHbZ18`+>lwFi)1ZWCF2%4FhnVFfnKa'
        '_@)Qj}qJE&',
        "{'auc': 0.91, 'n': 12, 'per': [0.1]}", 'dict',
    ),
}  # fmt: skip
