"""Small real files that other programs wrote: videos and HDF5."""

import base64
import zlib

_MP4 = (
    "c-nnay-EW?5S~loPhpX01d9kKC|H<i4iOtc3n7SLrG;2{$?oZqTQA&h4%EVwD&#4w>_jn^QLyq6Y%J2)`T!DVHwoE9&2Y1`GduIm&d"
    "eSFq#SWta=Fg{A|NHQ#Y)Rr02p-wN>OeyVhaG{0pcSlYVqfr*ty?e^$X3Icy5fcdbReg*~VXPHlMy~A9aA}8uR@S!8{fo6X>DnCps^H"
    "0rKmT(d*T(ufsr!;CCbfyNLS(QB*mjztJ!+49@dsUK2U4)LBXdN137?7u|?9u8K827;$YG#Ylhc^T=bc`>K@mG4X=VN$3))d+wp`=j;"
    ">WQR!n`Gxx;7O)_K(RKMmdX`Q7=Kpm}&v2x&<?F(*kk@s-_&IKo$&l^rZ{HGPN@Hpg9=Kl5Qr>SNW*F(w)SHrGUDmxe!L%Crll*{nGT"
    "!+xIh=_Occ8^yREpWqx*Xkwg8nH;Sfa?9W9TrxsjJ2A{E?L7EV?<;Z@*-%rzlA0<bD>7lxhIZ4Cif|<xS-kFXG)rQcBa2g<VlI&VJ-^"
    "37Awb`FB2ihyU(bSl4kT#;`jr*RPyw;q}|qgnY$If1f0fy%<eQ4Yjm*2tR-vw0kFG$EC"
)
_HDF5_OLD = (
    "c-rgqaB<`1lHy_j0S*oZ76t(ZWbhvfBsfs{F!=;1%?PDCp!5nRm^dR?P68?}2sIyFT}Y6tD@gT!Gyt>5fCWNxFpPqc2s~UJ13+{Hln+"
    "a#Czw#xr6*RUBBw_W3hiZNV1<~)2;*x&XeNjN%z9=hjm~EVrhJe}K?QjRND@|H5a(bJuZPOB0#h_do{0%!AO|$3Ff+oEx&)ewDh4zjg"
    "8lqmKsg$g4;7e4)8;4`1;Y&h0F|IF9{"
)
_HDF5_NEW = (
    "c-rgqaB<`1lHy|K;9!7(|4<+S6*7Q|bMDFc>+j(b#Kcg+B!sLG2Dq3Q7#SGY_!)o{OL}5e>Smact_;)x6Av`mfStg|z{se=z`(@B$jA"
    "hhV}{b`d}a{_MnMI61{N?+fkB*uLA)NwVg<UEnTrGH6J|yRs8=Om7A;^H^uW)ote0UFjDk@x3P!;wpe6tS#-Jy`"
)


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))


MP4 = _unpacked(_MP4)
"""Three frames of 32 x 16 pixels at 10 a second, by FFmpeg."""

HDF5 = {0: _unpacked(_HDF5_OLD), 3: _unpacked(_HDF5_NEW)}
"""A data set `gaze` of 2 x 3 floats, by the HDF5 library, with superblocks of two versions."""
