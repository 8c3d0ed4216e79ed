"""The usual names of the columns of a table, in English, Spanish and the public data sets."""

from __future__ import annotations

from collections.abc import Mapping

from placa.records.codes import Note
from placa.sources.tables.words import shown

#: The usual names of each column, in English, Spanish and the public data sets; the first found is used. Case, accents,
#: and all characters but letters and digits are ignored.
COLUMNS = {
    "path": (
        *("path", "image_path", "file_path", "file", "file_name", "image", "image_index", "image_file", "img"),
        *("img_path", "png_path", "jpg_path", "dicom_path", "full_path", "relative_path", "archivo", "nombre_archivo"),
        *("fichero", "nombre_fichero", "ruta", "ruta_imagen", "ruta_archivo", "imagen", "nombre_imagen"),
    ),
    "id": ("image_id", "image_name", "dicom_id", "id_imagen", "imagen_id", "sop_instance_uid"),
    "patient": (
        *("patient_id", "patient", "subject_id", "subject", "patient_number", "patient_code", "patient_key"),
        *("anon_patient_id", "empi", "empi_anon", "mrn", "medical_record_number", "person_id", "participant_id"),
        *("participant", "subject_number", "paciente", "id_paciente", "paciente_id", "codigo_paciente", "cod_paciente"),
        *("num_paciente", "numero_paciente", "nhc", "historia_clinica", "numero_historia", "numero_historia_clinica"),
        *("num_historia", "n_historia", "no_historia", "no_historia_clinica", "num_historia_clinica", "sujeto"),
        *("id_sujeto", "dni", "nif", "nuhsa", "cip", "cipa", "pid", "pat_id", "pt_id", "anon_id", "pseudo_id"),
        *("pseudonym", "usubjid", "participant_code", "subject_code", "id_pac", "nro_paciente", "no_paciente"),
    ),
    "group": ("group_id",),
    "split": ("split", "subset", "particion", "conjunto", "data_split", "set_type"),
    "sex": ("sex", "gender", "patient_sex", "patient_gender", "sexo", "genero", "sexo_paciente", "patient_sex_dicom"),
    "age": ("age", "patient_age", "age_years", "age_at_study", "edad", "edad_paciente", "edad_anos"),
    "view": (
        *("view", "view_position", "projection", "ap/pa", "frontal/lateral", "patient_view", "proyeccion", "vista"),
        *("view_position_dicom", "view_cat", "view_type"),
    ),
    "site": ("site", "hospital", "institution", "institution_name", "centro", "institucion"),
    "date": (
        *("date", "study_date", "study_date_dicom", "acquisition_date", "exam_date", "date_of_study", "date_of_exam"),
        *("series_date", "scan_date", "fecha", "fecha_estudio", "fecha_prueba", "fecha_exploracion"),
    ),
}


def columns_note(named: Mapping[str, str | None]) -> Note:
    used = {kind: column for kind, column in named.items() if column is not None}
    # Dates are only used for a split by date.
    unused = [kind for kind in COLUMNS if kind not in used and kind != "date"]
    text = "columns: " + ", ".join(f"{kind} from {shown(column)}" for kind, column in used.items())
    text += f"; not found: {', '.join(unused)}" if unused else ""
    return Note(text, "columns_used", **used)
